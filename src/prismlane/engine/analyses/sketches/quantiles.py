"""Quantiles by blocks of equal depth, with a bound on the error of every rank.

A block is a run of neighbours in a sorted array: its largest value and its number of rows. The bound is certain (it needs no
luck and no distribution), so a second pass can look into the few rows between two bounds and give the exact quantile. A t-digest
gives no such bound, and DuckDB's costs ten times as much as sorting (64 against 6 ms for a million values).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from prismlane.engine.analyses.sketches.arrays import Array, add_equal


class QuantileSketch(BaseModel):
    """Blocks in rising order. For every v: rows in blocks up to v <= rows up to v <= the same + `error`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    #: (n_blocks,) the largest value of each block, rising.
    values: Array
    #: (n_blocks,) int64, rows of each block.
    weights: Array
    #: Rows by which a rank may be wrong; 0 where each block is one value.
    error: int = 0

    @classmethod
    def of(cls, values: NDArray[Any], counts: NDArray[np.int64], *, n_blocks: int) -> "QuantileSketch":
        """From distinct rising `values` and their counts; exact where there are at most `n_blocks` of them."""
        return cls(values=values, weights=counts).shrunk(n_blocks, n_blocks)

    @property
    def n(self) -> int:
        """Rows in all."""
        return int(self.weights.sum())

    def merge(self, other: "QuantileSketch") -> "QuantileSketch":
        """The blocks of both; errors add up."""
        values, weights = add_equal(
            np.concatenate((self.values, other.values)), np.concatenate((self.weights, other.weights))
        )
        return QuantileSketch(values=values, weights=weights, error=self.error + other.error)

    def shrunk(self, limit: int, n_blocks: int) -> "QuantileSketch":
        """The same where it has at most `limit` blocks, else about `n_blocks` blocks of equal depth."""
        if len(self.values) <= limit:
            return self
        cumulated = np.cumsum(self.weights)
        wanted = np.ceil(np.arange(1, n_blocks + 1) * (int(cumulated[-1]) / n_blocks))
        ends = np.unique(np.minimum(np.searchsorted(cumulated, wanted), len(cumulated) - 1))
        # The largest value always ends the last block.
        ends = np.union1d(ends, [len(cumulated) - 1])
        weights = np.diff(cumulated[ends], prepend=0)
        # A block of one old block loses nothing; of several, all but its last may lie below a value it does not count for.
        hidden = weights - self.weights[ends]
        return QuantileSketch(
            values=self.values[ends], weights=weights, error=self.error + int(hidden.max(initial=0))
        )

    def bracket(self, first_rank: int, last_rank: int) -> tuple[Any, Any]:
        """Two values between which (both included) the rows of ranks `first_rank` to `last_rank` (from 0) lie for certain.

        The lower one is the block value below; where there is none, it is None.
        """
        cumulated = np.cumsum(self.weights)
        below = int(np.searchsorted(cumulated + self.error, first_rank, side="right")) - 1
        above = int(np.searchsorted(cumulated, last_rank + 1, side="left"))
        low = self.values[below].item() if below >= 0 else None
        return low, self.values[above].item()

    def at_rank(self, rank: int) -> Any:
        """The value of rank `rank` (from 0); the true one has a rank within `error` of it."""
        cumulated = np.cumsum(self.weights) + self.error // 2
        at = int(np.searchsorted(cumulated, rank + 1, side="left"))
        return self.values[min(at, len(self.values) - 1)].item()


def ranks(p: float, n: int) -> tuple[int, int, float]:
    """The two ranks (from 0) that quantile `p` of `n` values lies between, and the share of the way to the second.

    Linear interpolation (Hyndman & Fan 1996, type 7): numpy's default.
    """
    position = p * (n - 1)
    first = int(position)
    return first, min(first + 1, n - 1), position - first


def interpolated(low: float, high: float, share: float) -> float:
    """`share` of the way from `low` to `high`, as numpy computes it."""
    if low == high:
        return low
    step = (high - low) * share
    return low + step if share < 0.5 else high - (high - low) * (1 - share)
