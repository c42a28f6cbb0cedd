"""Pearson correlations of all pairs of number columns, over the rows where both have a value."""

import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prismlane.engine.analyses.descriptive.profile_bins import extremes
from prismlane.engine.analyses.descriptive.profile_columns import with_gaps
from prismlane.engine.analyses.descriptive.profile_state import ColumnState, CoMoments, ProfileState
from prismlane.engine.analyses.sketches.moments import Moments

_BATCH_ROWS = 32_768


def correlated_columns(first: ProfileState, limit: int) -> list[int]:
    """Numbers of the first `limit` number columns that vary."""
    return [number for number, column in enumerate(first.columns) if _varies(column)][:limit]


def co_moments(part: pa.Table, first: ProfileState, limit: int) -> CoMoments | None:
    """The sums of one partition; None where fewer than two columns vary.

    Values are centred by the means of the whole data, which the first pass knows, so that nothing cancels; the sums of
    all pairs are four matrix products.
    """
    chosen = correlated_columns(first, limit)
    if len(chosen) < 2:
        return None
    k = len(chosen)
    n, x, xx, xy = (np.zeros((k, k)) for _ in range(4))
    for block in _scaled_blocks(part, [first.columns[number] for number in chosen]):
        known = (~np.isnan(block)).astype(np.float64)
        filled = np.nan_to_num(block, nan=0.0)
        n += known @ known.T
        x += filled @ known.T
        xx += (filled * filled) @ known.T
        xy += filled @ filled.T
    return CoMoments(n=n.ravel(), x=x.ravel(), xx=xx.ravel(), xy=xy.ravel())


def correlation_matrix(sums: CoMoments) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """((k, k) Pearson's r, NaN where it is not defined; (k, k) rows that it stands on)."""
    k = math.isqrt(len(sums.n))
    n, x, xx, xy = (np.asarray(values).reshape(k, k) for values in (sums.n, sums.x, sums.xx, sums.xy))
    with np.errstate(all="ignore"):
        covariance = xy - x * x.T / n
        variance = xx - x * x / n
        # Within its pair's rows a column may be constant: what is left of its variance is rounding.
        variance = np.where(variance > 1e-12 * xx, variance, np.nan)
        r = np.clip(covariance / np.sqrt(variance * variance.T), -1.0, 1.0)
    return r, n.astype(np.int64)


def moments_of(column: ColumnState) -> Moments:
    """The moments of a number column from its first pass."""
    if column.sketch is not None:
        return column.sketch.moments or Moments()
    return Moments.of(column.counts.values, column.counts.counts) if column.counts else Moments()


def _varies(column: ColumnState) -> bool:
    if column.kind != "number":
        return False
    low, high = extremes(column)
    sd = moments_of(column).sd if low != high else None
    return bool(sd and math.isfinite(sd))


def _scaled_blocks(part: pa.Table, columns: list[ColumnState]) -> Iterator[NDArray[np.float64]]:
    """(k, at most _BATCH_ROWS) blocks of the columns, centred and scaled, with NaN for what is missing."""
    moments = [moments_of(column) for column in columns]
    for start in range(0, part.num_rows, _BATCH_ROWS):
        rows = part.slice(start, _BATCH_ROWS)
        block = np.empty((len(columns), rows.num_rows))
        for number, (column, own) in enumerate(zip(columns, moments, strict=True)):
            centred = (with_gaps(rows.column(column.name)) - own.origin) - own.offset
            block[number] = centred / (own.sd or 1.0)
        yield block
