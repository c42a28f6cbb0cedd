"""The sketch's bound on ranks holds for any data and any merging."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismlane.engine.analyses.sketches.arrays import runs
from prismlane.engine.analyses.sketches.quantiles import QuantileSketch, interpolated, ranks

N_BLOCKS = 8


def sketch(values):
    return QuantileSketch.of(*runs(np.sort(values)), n_blocks=N_BLOCKS)


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=60), min_size=1, max_size=6),
    st.integers(4, 20),
)
def test_ranks_stay_within_the_error_and_brackets_hold_their_ranks(parts, limit):
    merged = reduce(
        lambda a, b: a.merge(b).shrunk(limit, min(limit, N_BLOCKS)),
        [sketch(np.array(part, dtype=np.int64)) for part in parts],
    )
    ordered = np.sort(np.concatenate([np.array(part) for part in parts]))
    assert merged.n == len(ordered)
    for value in range(31):
        true = int(np.searchsorted(ordered, value, side="right"))
        low = int(merged.weights[merged.values <= value].sum())
        assert low <= true <= low + merged.error
    for rank in range(len(ordered)):
        low, high = merged.bracket(rank, rank)
        assert low is None or low <= ordered[rank]
        assert ordered[rank] <= high


def test_few_distinct_values_are_kept_exactly():
    values = np.repeat(np.arange(5), [3, 1, 4, 1, 5])
    found = sketch(values)
    assert found.error == 0
    assert [found.at_rank(rank) for rank in range(len(values))] == values.tolist()


def test_the_error_of_many_values_is_that_of_one_block():
    found = QuantileSketch.of(*runs(np.arange(100_000.0)), n_blocks=2_000)
    assert len(found.values) <= 2_001
    assert found.error <= 50


@pytest.mark.parametrize("p", [0.0, 0.01, 0.25, 0.5, 0.9, 1.0])
def test_interpolation_is_numpys(p):
    ordered = np.sort(np.random.default_rng(3).normal(size=37))
    first, last, share = ranks(p, len(ordered))
    assert interpolated(ordered[first], ordered[last], share) == pytest.approx(
        np.quantile(ordered, p), rel=1e-15
    )
