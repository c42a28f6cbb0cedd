import errno
import os
from pathlib import Path

import pytest

from prismlane.common.errors import AnalysisError, DeadlineExceededError, OutOfMemoryError

pytestmark = pytest.mark.faults

MIB = 1 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_memory_hog_runs_out_of_memory_and_its_parent_does_not_grow(make_child):
    child = make_child(memory_bytes=128 * MIB)
    await child.start()
    before = resident_bytes()
    with pytest.raises(OutOfMemoryError):
        await child.call("allocate_without_end", {})
    assert resident_bytes() - before < 64 * MIB
    assert await child.call("echo", {}) == ({}, [])


@pytest.mark.parametrize("library", ["numpy", "pyarrow", "duckdb"])
async def test_memory_hog_in_native_code_runs_out_of_memory(make_child, library):
    child = make_child(preload=[library], memory_bytes=256 * MIB)
    with pytest.raises(OutOfMemoryError):
        await child.call("allocate_with", {"library": library})
    assert await child.call("echo", {}) == ({}, [])


async def test_child_that_keeps_much_of_its_memory_is_replaced_before_the_next_call(make_child):
    child = make_child(memory_bytes=128 * MIB)
    await child.call("keep_memory", {"n_bytes": 16 * MIB})
    first = child.pid
    await child.call("keep_memory", {"n_bytes": 48 * MIB})
    assert child.pid == first
    await child.call("keep_memory", {"n_bytes": 100 * MIB})
    assert child.pid != first


async def test_shared_memory_is_limited_too(make_child):
    child = make_child(memory_bytes=64 * MIB, mapped_bytes=512 * MIB)
    with pytest.raises(OutOfMemoryError):
        await child.call("map_shared_memory_without_end", {})


async def test_call_that_does_not_fit_into_memory_is_out_of_memory(make_child):
    child = make_child(memory_bytes=32 * MIB)
    with pytest.raises(OutOfMemoryError):
        await child.call("echo", {}, [bytes(60 * MIB)])


async def test_memory_that_no_limit_counts_is_refused(child):
    assert await child.call("hidden_memory", {}) == ({"done": []}, [])


async def test_used_up_cpu_time_is_a_deadline(make_child):
    child = make_child(cpu_s=1)
    with pytest.raises(DeadlineExceededError, match="CPU"):
        await child.call("burn", {})
    assert await child.call("echo", {}) == ({}, [])


async def test_file_above_the_limit_cannot_be_written(make_child):
    child = make_child(file_bytes=1 * MIB)
    assert await child.call("write_file", {"n_bytes": MIB}) == ({"n_bytes": MIB}, [])
    with pytest.raises(AnalysisError, match="File too large"):
        await child.call("write_file", {"n_bytes": MIB + 1024})
    assert await child.call("echo", {}) == ({}, [])


async def test_open_files_are_limited(make_child):
    child = make_child(n_files=32)
    with pytest.raises(AnalysisError, match="Too many open files"):
        await child.call("open_files", {})
    assert await child.call("echo", {}) == ({}, [])


async def test_child_cannot_start_processes(child):
    if not child.describe()["no_new_processes"]["on"]:
        pytest.skip(child.describe()["no_new_processes"]["reason"])
    answer, _ = await child.call("fork_without_end", {})
    assert answer == {"n_forked": 0, "errno": errno.EPERM}
    with pytest.raises(AnalysisError, match="PermissionError"):
        await child.call("run_a_program", {})


async def test_child_that_may_start_processes_can(make_child):
    assert await make_child(may_fork=True).call("run_a_program", {}) == ({"code": 0}, [])


async def test_fork_bomb_is_bounded(make_child):
    child = make_child(may_fork=True, n_processes=40)
    await child.start()
    if not child.describe()["process_count"]["on"]:
        pytest.skip(child.describe()["process_count"]["reason"])
    answer, _ = await child.call("fork_without_end", {})
    assert answer["errno"] == errno.EAGAIN
    assert 0 < answer["n_forked"] < 40
    await child.renew()
    assert await child.call("echo", {}) == ({}, [])


async def test_threads_without_end_are_bounded(make_child):
    child = make_child(memory_bytes=128 * MIB)
    answer, _ = await child.call("start_threads_without_end", {})
    assert 0 < answer["n_started"] < 128


async def test_limits_cannot_be_raised_again(child):
    assert await child.call("raise_own_limits", {}) == ({"done": []}, [])
