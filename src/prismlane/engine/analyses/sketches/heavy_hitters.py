"""The values that may be frequent, in bounded space and for any order of merging.

Misra & Gries (1982), merged as in Agarwal et al., "Mergeable summaries" (2012): every value that stands in more than
n / (CAPACITY + 1) of n rows is among the candidates. A second pass counts them exactly. DuckDB's `approx_top_k` gives no such
guarantee, so what it finds depends on how the rows are cut into partitions.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from prismlane.engine.analyses.sketches.arrays import Array, add_equal

CAPACITY = 1_000


class HeavyHitters(BaseModel):
    """Candidates for frequent values with lower bounds of their counts."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    values: Array
    counts: Array

    @classmethod
    def of(cls, values: NDArray[Any], counts: NDArray[np.int64]) -> "HeavyHitters":
        """From distinct values and their counts; of more than CAPACITY values, the CAPACITY + 1 most frequent are enough."""
        if len(values) <= CAPACITY:
            return cls(values=values, counts=counts)
        repeated = counts[counts > 1]
        # Most often few values repeat; a value that stands there once never survives more than CAPACITY others.
        floor = np.partition(repeated, -(CAPACITY + 1))[-(CAPACITY + 1)] if len(repeated) > CAPACITY else 1
        kept = counts > floor
        return cls(values=values[kept], counts=counts[kept] - floor)

    def merge(self, other: "HeavyHitters") -> "HeavyHitters":
        """The candidates for the rows of both."""
        return HeavyHitters.of(
            *add_equal(
                np.concatenate((self.values, other.values)), np.concatenate((self.counts, other.counts))
            )
        )


def is_heavy(count: int, n: int) -> bool:
    """Whether a value that stands in `count` of `n` rows is certain to have been a candidate."""
    return count * (CAPACITY + 1) > n
