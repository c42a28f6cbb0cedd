"""Turns the merged states of both passes into the statistics of each column."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismlane.engine.analyses.descriptive.profile_bins import bin_edges, counts_in_bins, extremes
from prismlane.engine.analyses.descriptive.profile_columns import epoch_ms, readable_time
from prismlane.engine.analyses.descriptive.profile_correlation import (
    correlated_columns,
    correlation_matrix,
    moments_of,
)
from prismlane.engine.analyses.descriptive.profile_output import (
    ColumnProfile,
    Correlation,
    Histogram,
    Quantile,
    TextProfile,
    TopValue,
)
from prismlane.engine.analyses.descriptive.profile_second_pass import QUANTILES
from prismlane.engine.analyses.descriptive.profile_state import (
    BracketState,
    ColumnState,
    ProfileState,
    RefinedColumn,
    TextCounts,
)
from prismlane.engine.analyses.sketches.heavy_hitters import is_heavy
from prismlane.engine.analyses.sketches.quantiles import QuantileSketch, interpolated, ranks
from prismlane.engine.analyses.sql import connect

N_TOP = 10


def column_profile(column: ColumnState, refined: RefinedColumn, n_rows: int, n_bins: int) -> ColumnProfile:
    """All statistics of one column of `n_rows` rows."""
    n = n_rows - column.n_null - column.n_nan - column.n_infinite
    profile = ColumnProfile(
        name=column.name,
        type=column.type,
        kind=column.kind,
        n=n,
        n_null=column.n_null,
        null_share=column.n_null / n_rows if n_rows else 0.0,
        n_nan=column.n_nan,
        n_infinite=column.n_infinite,
    )
    if column.kind == "other":
        return profile
    found = {**_distinct(column, n), "top": _top(column, refined, n)}
    if column.kind == "text":
        found["text"] = _text(column)
    elif column.kind == "boolean":
        found |= _truths(column)
    elif n > 0:
        found |= _of_numbers(column, refined, n_bins)
    return profile.model_copy(update=found)


def correlations(first: ProfileState, second: ProfileState, limit: int) -> list[Correlation]:
    """Every pair of the correlated columns once, where r is defined, in the order of the columns."""
    chosen = [first.columns[number].name for number in correlated_columns(first, limit)]
    if second.co_moments is None:
        return []
    r, n = correlation_matrix(second.co_moments)
    pairs = [(i, j) for i in range(len(chosen)) for j in range(i + 1, len(chosen))]
    return [
        Correlation(a=chosen[i], b=chosen[j], r=float(r[i, j]), n=int(n[i, j]))
        for i, j in pairs
        if np.isfinite(r[i, j])
    ]


def _distinct(column: ColumnState, n: int) -> dict[str, Any]:
    if column.sketch is None:
        return {"distinct": len(column.counts.values) if column.counts else 0}
    connection = connect(1)
    try:
        return {"distinct": min(column.sketch.distinct.estimate(connection), n), "distinct_exact": False}
    finally:
        connection.close()


def _top(column: ColumnState, refined: RefinedColumn, n: int) -> list[TopValue]:
    values, counts = _frequent(column, refined, n)
    # Most frequent first, equal ones in rising order of their values.
    order = np.argsort(-counts, kind="stable")[:N_TOP]
    return [
        TopValue(value=_shown(values[i], column), n=int(counts[i]), share=int(counts[i]) / n) for i in order
    ]


def _frequent(column: ColumnState, refined: RefinedColumn, n: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if column.counts is not None:
        return column.counts.values, column.counts.counts
    if column.sketch is None or refined.candidates is None:
        return np.empty(0), np.empty(0, dtype=np.int64)
    certain = np.array([is_heavy(int(count), n) for count in refined.candidates], dtype=bool)
    return column.sketch.heavy.values[certain], refined.candidates[certain]


def _shown(value: Any, column: ColumnState) -> Any:
    if column.kind == "time":
        return readable_time(int(value), column.unit)
    if column.kind == "boolean":
        return bool(value)
    return value if isinstance(value, str) else value.item()


def _truths(column: ColumnState) -> dict[str, Any]:
    counts = column.counts
    pairs = zip(counts.values.tolist(), counts.counts.tolist(), strict=True) if counts else ()
    by_value = dict(pairs)
    return {"n_true": by_value.get(1, 0), "n_false": by_value.get(0, 0)}


def _text(column: ColumnState) -> TextProfile | None:
    text = column.text
    if text is None or text.n == 0 or text.min_length is None or text.max_length is None:
        return None
    return TextProfile(
        min_length=text.min_length,
        mean_length=text.sum_length / text.n,
        max_length=text.max_length,
        n_empty=text.n_empty,
        n_padded=text.n_padded,
        n_numeric=text.n_numeric,
        n_leading_zero=text.n_leading_zero,
        n_duplicate_case=_duplicate_case(column, text),
    )


def _duplicate_case(column: ColumnState, text: TextCounts) -> int | None:
    """Values beyond the first of each group that is equal but for case and outer blanks."""
    if column.counts is None or text.n == 0:
        return None
    values = column.counts.values
    return len(values) - len({value.strip().casefold() for value in values})


def _of_numbers(column: ColumnState, refined: RefinedColumn, n_bins: int) -> dict[str, Any]:
    low, high = extremes(column)
    quantiles = _quantiles(column, refined)
    edges = bin_edges(column, n_bins)
    found: dict[str, Any] = {"histogram": _histogram(column, refined, edges), "quantiles": quantiles}
    if column.kind == "time":
        times = [readable_time(quantile.value, column.unit) for quantile in quantiles]
        return found | {
            "minimum": readable_time(low, column.unit),
            "maximum": readable_time(high, column.unit),
            "quantiles": [
                quantile.model_copy(update={"value": epoch_ms(quantile.value, column.unit)})
                for quantile in quantiles
            ],
            "quantile_times": times,
        }
    return found | {"minimum": low, "maximum": high} | _moments(column, constant=low == high) | _signs(column)


def _moments(column: ColumnState, *, constant: bool) -> dict[str, Any]:
    moments = moments_of(column)
    if constant:
        low, _ = extremes(column)
        return {"mean": float(low), "sd": 0.0 if moments.n > 1 else None}
    return {
        "mean": moments.mean,
        "sd": moments.sd,
        "skewness": moments.skewness,
        "kurtosis": moments.kurtosis,
    }


def _signs(column: ColumnState) -> dict[str, Any]:
    if column.sketch is not None:
        return {"n_zero": column.sketch.n_zero, "n_negative": column.sketch.n_negative}
    if column.counts is None:
        return {}
    values, counts = column.counts.values, column.counts.counts
    return {"n_zero": int(counts[values == 0].sum()), "n_negative": int(counts[values < 0].sum())}


def _histogram(column: ColumnState, refined: RefinedColumn, edges: NDArray[np.float64]) -> Histogram | None:
    if len(edges) == 0:
        return None
    if column.counts is not None:
        counts = counts_in_bins(column.counts.values, edges, column.counts.counts)
    elif refined.bins is not None:
        counts = refined.bins
    else:
        return None
    shown = [epoch_ms(float(edge), column.unit) if column.kind == "time" else float(edge) for edge in edges]
    return Histogram(edges=shown, counts=counts.tolist())


def _quantiles(column: ColumnState, refined: RefinedColumn) -> list[Quantile]:
    if column.counts is not None:
        exact = QuantileSketch(values=column.counts.values, weights=column.counts.counts)
        whole = [BracketState(n_below=0, inside=exact)] * len(QUANTILES)
        return _from_brackets(whole, column.counts.n)
    if column.sketch is None or column.sketch.moments is None:
        return []
    return _from_brackets(refined.brackets, column.sketch.moments.n)


def _from_brackets(brackets: list[BracketState], n: int) -> list[Quantile]:
    quantiles = []
    for p, bracket in zip(QUANTILES, brackets, strict=True):
        first, last, share = ranks(p, n)
        low, high = (bracket.inside.at_rank(rank - bracket.n_below) for rank in (first, last))
        value = interpolated(float(low), float(high), share)
        quantiles.append(Quantile(p=p, value=value, rank_error=bracket.inside.error))
    return quantiles
