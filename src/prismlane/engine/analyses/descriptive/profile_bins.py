"""Histograms on a grid that depends on the smallest and the largest value alone, so that partitions share it."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismlane.engine.analyses.descriptive.profile_state import ColumnState

#: Steps below this are too near to the smallest numbers of float64 to be round.
_LEAST_STEP = 1e-290
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def bin_edges(column: ColumnState, n_bins: int) -> NDArray[np.float64]:
    """(n + 1,) rising edges of at most `n_bins` bins over the column's values; empty without values.

    Numbers get round edges, and whole numbers bins of whole width. Times, and numbers whose range is beyond float64,
    or too narrow for it, get none or equal parts.
    """
    low, high = extremes(column)
    if low is None or high is None:
        return np.empty(0)
    span = float(high) - float(low)
    if not math.isfinite(span):
        return np.empty(0)
    if span == 0:
        return np.array([float(low), float(high)])
    if column.kind == "time":
        return np.linspace(float(low), float(high), n_bins + 1)
    return _round_edges(float(low), float(high), n_bins, whole=column.integral)


def extremes(column: ColumnState) -> tuple[Any, Any]:
    """The smallest and the largest finite value of a number or time column; (None, None) without any."""
    if column.sketch is not None:
        return column.sketch.minimum, column.sketch.maximum
    if column.counts is None or column.counts.n == 0:
        return None, None
    return column.counts.values[0].item(), column.counts.values[-1].item()


def counts_in_bins(
    ordered: NDArray[Any], edges: NDArray[np.float64], weights: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """(n,) rows in each bin, which holds its lower edge but not its upper one; the last bin holds both.

    `ordered` is sorted; each value stands there `weights` times (once without).
    """
    if len(edges) == 0:
        return np.empty(0, dtype=np.int64)
    bounds = np.searchsorted(ordered, edges, side="left")
    bounds[0], bounds[-1] = 0, len(ordered)
    if weights is None:
        return np.diff(bounds).astype(np.int64)
    cumulated = np.concatenate(([0], np.cumsum(weights)))
    return np.diff(cumulated[bounds]).astype(np.int64)


def _round_edges(low: float, high: float, n_bins: int, *, whole: bool) -> NDArray[np.float64]:
    if (high - low) / n_bins < _LEAST_STEP:
        return np.linspace(low, high, n_bins + 1)
    step = _round_step((high - low) / n_bins, whole=whole)
    while True:
        first, last = math.floor(low / step), math.floor(high / step) + 1
        if not whole and last - 1 > first and (last - 1) * step == high:
            last -= 1
        if last - first <= n_bins:
            break
        step = _round_step(step * 1.01, whole=whole)
    edges = np.asarray(np.arange(first, last + 1) * step, dtype=np.float64)
    if np.all(np.diff(edges) > 0):
        return edges
    return np.linspace(low, high, n_bins + 1)


def _round_step(least: float, *, whole: bool) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`; at least 1 for whole numbers."""
    if whole and least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    for factor in _STEPS:
        step = factor * power
        if step >= least and not (whole and step % 1):
            return step
    return 10.0 * power
