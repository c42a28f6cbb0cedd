import json

import pytest

from prismlane.engine.sandbox.limits import Limits, cpu_used_s, memory_in_use_bytes


def test_limits_survive_the_way_to_the_child():
    limits = Limits(memory_bytes=5, cpu_s=6, file_bytes=7, n_files=8, n_processes=9, may_fork=True)
    assert Limits(**json.loads(json.dumps(limits.to_dict()))) == limits


@pytest.mark.parametrize(
    "name", ["memory_bytes", "cpu_s", "file_bytes", "n_files", "n_processes", "n_threads"]
)
def test_limit_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_memory_in_use_counts_what_is_allocated():
    space_before, data_before = memory_in_use_bytes()
    kept = bytearray(64 << 20)
    space_after, data_after = memory_in_use_bytes()
    assert data_after - data_before >= len(kept)
    assert space_after - space_before >= len(kept)


def test_cpu_time_only_grows():
    before = cpu_used_s()
    while cpu_used_s() == before:
        sum(range(10_000))
    assert cpu_used_s() > before
