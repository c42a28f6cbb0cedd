"""The second pass of a profile: with the merged state of the first known, what it left open is counted exactly."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prismlane.engine.analyses.contract import Context
from prismlane.engine.analyses.descriptive.profile_bins import bin_edges, counts_in_bins
from prismlane.engine.analyses.descriptive.profile_columns import Chunked, finite_values
from prismlane.engine.analyses.descriptive.profile_correlation import co_moments
from prismlane.engine.analyses.descriptive.profile_first_pass import text_connection
from prismlane.engine.analyses.descriptive.profile_state import (
    BRACKET_BLOCKS,
    BRACKET_LIMIT,
    BracketState,
    ColumnSketch,
    ColumnState,
    ProfileState,
    RefinedColumn,
)
from prismlane.engine.analyses.descriptive.profile_text import count_texts
from prismlane.engine.analyses.sketches.arrays import runs
from prismlane.engine.analyses.sketches.quantiles import QuantileSketch, ranks

#: The quantiles of a profile, as shares of the rows.
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def second_pass(
    part: pa.Table, first: ProfileState, n_bins: int, max_correlated: int, ctx: Context
) -> ProfileState:
    """The counts of one partition that the merged state `first` asks for."""
    names = [column.name for column in first.columns]
    open_texts = [column.name for column in first.columns if column.kind == "text" and column.sketch]
    refined = []
    with text_connection(part.select(open_texts), open_texts, ctx.threads) as connection:
        for number, column in enumerate(first.columns):
            ctx.check()
            label = f"c{open_texts.index(column.name)}" if column.name in open_texts else ""
            refined.append(_refined(part, column, n_bins, connection, label))
            ctx.progress(0.8 * (number + 1) / len(names), "refining columns")
    ctx.check()
    return ProfileState(
        n_rows=part.num_rows, refined=refined, co_moments=co_moments(part, first, max_correlated)
    )


def _refined(
    part: pa.Table, column: ColumnState, n_bins: int, connection: duckdb.DuckDBPyConnection, label: str
) -> RefinedColumn:
    if column.sketch is None:
        return RefinedColumn()
    candidates = column.sketch.heavy.values
    if column.kind == "text":
        return RefinedColumn(candidates=count_texts(connection, label, candidates))
    values: Chunked = part.column(column.name)
    ordered = np.sort(finite_values(values).values)
    return RefinedColumn(
        brackets=_brackets(ordered, column.sketch),
        bins=counts_in_bins(ordered, bin_edges(column, n_bins)),
        candidates=_counts_of(ordered, candidates),
    )


def _brackets(ordered: NDArray[Any], sketch: ColumnSketch) -> list[BracketState]:
    quantiles = sketch.quantiles
    if quantiles is None:
        return []
    return [_bracket(ordered, quantiles, p) for p in QUANTILES]


def _bracket(ordered: NDArray[Any], quantiles: QuantileSketch, p: float) -> BracketState:
    first, last, _ = ranks(p, quantiles.n)
    low, high = quantiles.bracket(first, last)
    start = 0 if low is None else int(np.searchsorted(ordered, ordered.dtype.type(low), side="left"))
    end = int(np.searchsorted(ordered, ordered.dtype.type(high), side="right"))
    inside = QuantileSketch(**dict(zip(("values", "weights"), runs(ordered[start:end]), strict=True)))
    return BracketState(n_below=start, inside=inside.shrunk(BRACKET_LIMIT, BRACKET_BLOCKS))


def _counts_of(ordered: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.int64]:
    first = np.searchsorted(ordered, wanted, side="left")
    last = np.searchsorted(ordered, wanted, side="right")
    return (last - first).astype(np.int64)
