"""The tables of a profile."""

from typing import Any

from prismlane.common.wire import Table
from prismlane.engine.analyses.descriptive.profile_output import ColumnProfile, Profile
from prismlane.engine.analyses.roles import shown

_OVERVIEW = ("name", "type", "n", "n_null", "null_share", "distinct", "minimum", "mean", "maximum", "sd")
_NUMBERS = ("name", "n", "mean", "sd", "skewness", "kurtosis", "n_zero", "n_negative")
MAX_TOP_TABLES = 40


def tables_of(profile: Profile) -> list[Table]:
    """Columns, numbers with quantiles, correlations, and the most frequent values of each text column."""
    tables = [_columns(profile), _numbers(profile), _correlations(profile)]
    texts = [(number, column) for number, column in enumerate(profile.columns) if _has_top(column)]
    tables += [_top(number, column) for number, column in texts[:MAX_TOP_TABLES]]
    return [table for table in tables if table.rows]


def _columns(profile: Profile) -> Table:
    rows = [[getattr(column, field) for field in _OVERVIEW] for column in profile.columns]
    return Table(name="columns", title="Columns", columns=list(_OVERVIEW), rows=rows)


def _numbers(profile: Profile) -> Table:
    numbers = [column for column in profile.columns if column.kind == "number" and column.n]
    percentages = [f"{quantile.p:.0%}" for quantile in numbers[0].quantiles] if numbers else []
    rows: list[list[Any]] = [
        [getattr(column, field) for field in _NUMBERS] + [quantile.value for quantile in column.quantiles]
        for column in numbers
    ]
    return Table(name="numbers", title="Numbers", columns=[*_NUMBERS, *percentages], rows=rows)


def _correlations(profile: Profile) -> Table:
    strongest = sorted(profile.correlations, key=lambda pair: -abs(pair.r))[:50]
    return Table(
        name="correlations",
        title="Strongest correlations",
        columns=["a", "b", "r", "n"],
        rows=[[pair.a, pair.b, pair.r, pair.n] for pair in strongest],
    )


def _top(number: int, column: ColumnProfile) -> Table:
    return Table(
        name=f"top_{number}",
        title=f"Most frequent values of {shown(column.name)}",
        columns=["value", "n", "share"],
        rows=[[top.value, top.n, top.share] for top in column.top],
    )


def _has_top(column: ColumnProfile) -> bool:
    return column.kind in {"text", "boolean"} and bool(column.top)
