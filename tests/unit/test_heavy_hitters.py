"""Every value frequent enough is among the candidates, however the rows are cut."""

from functools import reduce

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from prismlane.engine.analyses.sketches import heavy_hitters
from prismlane.engine.analyses.sketches.arrays import runs
from prismlane.engine.analyses.sketches.heavy_hitters import HeavyHitters, is_heavy


@given(st.lists(st.lists(st.integers(0, 15), max_size=40), min_size=1, max_size=6))
def test_frequent_values_are_candidates(parts):
    original = heavy_hitters.CAPACITY
    heavy_hitters.CAPACITY = 4
    try:
        sketches = [HeavyHitters.of(*runs(np.sort(np.array(part, dtype=np.int64)))) for part in parts]
        found = reduce(HeavyHitters.merge, sketches)
        rows = [value for part in parts for value in part]
        frequent = {value for value in rows if is_heavy(rows.count(value), len(rows))}
        assert frequent <= set(found.values.tolist())
        assert len(found.values) <= 4
    finally:
        heavy_hitters.CAPACITY = original
