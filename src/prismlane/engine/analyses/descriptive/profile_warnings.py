"""What a profile warns of, by fixed and stated thresholds."""

from collections.abc import Iterator

from prismlane.engine.analyses.descriptive.profile_output import (
    ColumnProfile,
    ColumnWarning,
    Correlation,
    WarningCode,
)
from prismlane.engine.analyses.roles import shown

HIGH_NULL_SHARE = 0.2
#: Of |G1|; an exponential distribution has 2.
HIGH_SKEWNESS = 3.0
HIGH_CORRELATION = 0.95
#: Share of texts that read as numbers from which a column counts as numbers kept as text.
NUMERIC_TEXT_SHARE = 0.95
MIN_UNIQUE_ROWS = 10
#: Estimated distinct values for each row from which a column looks like a key: 1 less three times the estimate's error.
KEY_LIKE_SHARE = 0.92


def warnings_of(columns: list[ColumnProfile], correlations: list[Correlation]) -> list[ColumnWarning]:
    """All warnings in the order of the columns, then of the pairs."""
    found = [warning for number, column in enumerate(columns) for warning in _of_column(column, number)]
    pairs = [_correlated(number, pair) for number, pair in enumerate(correlations) if _is_high(pair)]
    return found + pairs


def _of_column(column: ColumnProfile, number: int) -> Iterator[ColumnWarning]:
    def warn(code: WarningCode, field: str, value: float, text: str) -> ColumnWarning:
        pointer = f"/columns/{number}/{field}"
        return ColumnWarning(code=code, column=column.name, pointer=pointer, value=value, text=text)

    name = shown(column.name)
    if column.n_nan + column.n_infinite:
        text = f"{name} has {column.n_nan:,} NaN and {column.n_infinite:,} infinite values; its statistics leave them out."
        field = "n_nan" if column.n_nan else "n_infinite"
        yield warn("non_finite", field, column.n_nan or column.n_infinite, text)
    if column.n_null and column.n == 0 and not (column.n_nan + column.n_infinite):
        yield warn("all_null", "n_null", column.n_null, f"{name} is null in every row.")
        return
    if column.null_share >= HIGH_NULL_SHARE:
        text = f"{name} is null in {column.n_null:,} rows ({column.null_share:.1%})."
        yield warn("high_null", "n_null", column.n_null, text)
    if column.kind == "other":
        text = f"{name} is of type {column.type[:40]}: its {column.n:,} values are counted and not profiled further."
        yield warn("not_profiled", "n", column.n, text)
    if column.distinct == 1 and column.n > 1:
        text = f"{name} has the same value in all {column.n:,} rows that have one."
        yield warn("constant", "n", column.n, text)
    if _is_key_like(column):
        text = f"{name} has a different value in each of its {column.n:,} rows, as a key has."
        yield warn("unique", "n", column.n, text)
    elif _seems_key_like(column):
        text = f"{name} seems to have a different value in nearly every row (about {column.distinct:,} in {column.n:,})."
        yield warn("unique", "distinct", column.distinct or 0, text)
    if column.skewness is not None and abs(column.skewness) >= HIGH_SKEWNESS:
        side = "high" if column.skewness > 0 else "low"
        text = f"{name} is strongly skewed by {side} values (skewness {column.skewness:.3g})."
        yield warn("skewed", "skewness", column.skewness, text)
    yield from _of_texts(column, number)


def _of_texts(column: ColumnProfile, number: int) -> Iterator[ColumnWarning]:
    text = column.text
    if text is None:
        return

    def warn(code: WarningCode, field: str, value: int, sentence: str) -> ColumnWarning:
        pointer = f"/columns/{number}/text/{field}"
        return ColumnWarning(code=code, column=column.name, pointer=pointer, value=value, text=sentence)

    name = shown(column.name)
    if text.n_leading_zero:
        sentence = f"{name} has {text.n_leading_zero:,} texts of digits with a leading zero, which numbers would lose."
        yield warn("leading_zeros", "n_leading_zero", text.n_leading_zero, sentence)
    elif text.n_numeric >= NUMERIC_TEXT_SHARE * column.n and text.n_numeric:
        sentence = f"{name} is text, but {text.n_numeric:,} of its {column.n:,} values read as numbers."
        yield warn("numbers_as_text", "n_numeric", text.n_numeric, sentence)
    if text.n_duplicate_case:
        sentence = (
            f"{name} has {text.n_duplicate_case:,} values that equal another but for case or outer blanks."
        )
        yield warn("duplicate_case", "n_duplicate_case", text.n_duplicate_case, sentence)
    if text.n_padded:
        sentence = f"{name} has {text.n_padded:,} texts with blanks before or after."
        yield warn("padded", "n_padded", text.n_padded, sentence)


def _is_key_like(column: ColumnProfile) -> bool:
    """Whether every row certainly has a value of its own."""
    return _may_be_key(column) and column.distinct_exact and column.distinct == column.n


def _seems_key_like(column: ColumnProfile) -> bool:
    return (
        _may_be_key(column)
        and not column.distinct_exact
        and (column.distinct or 0) >= KEY_LIKE_SHARE * column.n
    )


def _may_be_key(column: ColumnProfile) -> bool:
    """Times and measurements are unique by nature, and a few rows by chance."""
    return column.n >= MIN_UNIQUE_ROWS and column.kind != "time" and column.type not in {"FLOAT", "DOUBLE"}


def _is_high(pair: Correlation) -> bool:
    return abs(pair.r) >= HIGH_CORRELATION and pair.n >= MIN_UNIQUE_ROWS


def _correlated(number: int, pair: Correlation) -> ColumnWarning:
    text = f"{shown(pair.a)} and {shown(pair.b)} say nearly the same (r = {pair.r:.3f} over {pair.n:,} rows)."
    return ColumnWarning(
        code="correlated", column=pair.a, pointer=f"/correlations/{number}/r", value=pair.r, text=text
    )
