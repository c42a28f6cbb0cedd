import asyncio
import json

import pytest

from prismlane.common.errors import (
    AnalysisError,
    InternalError,
    OutOfMemoryError,
    RetryableAnalysisError,
    TooLargeError,
    UnknownColumnError,
)
from prismlane.engine.sandbox.child_process import ChildProcess, Limits

pytestmark = pytest.mark.faults


async def test_payload_and_blobs_come_back_as_they_were_sent(child):
    blobs = [b"", b"\x00\xff" * 1000, bytes(3 << 20)]
    assert await child.call("echo", {"a": [1, None, "ü"]}, blobs) == ({"a": [1, None, "ü"]}, blobs)


async def test_calls_run_in_the_same_warm_process(child):
    first, _ = await child.call("pid", {})
    second, _ = await child.call("pid", {})
    assert first == second == {"pid": child.pid}


async def test_call_without_a_start_starts_a_child(make_child):
    assert await make_child().call("echo", {"a": 1}) == ({"a": 1}, [])


async def test_calls_at_the_same_time_take_turns(child):
    answers = await asyncio.gather(*(child.call("echo", {"n": n}) for n in range(50)))
    assert [payload["n"] for payload, _ in answers] == list(range(50))


async def test_progress_is_told(child):
    told = []
    await child.call("report_progress", {}, on_progress=lambda share, phase: told.append((share, phase)))
    assert told == [(0.5, "half")]


async def test_noise_on_the_standard_streams_reaches_the_log_and_not_the_protocol(child, log):
    assert await child.call("noise", {}) == ({"said": "all"}, [])
    await child.kill()
    assert {"from python", "to stderr", "\x00� not text"} <= set(log)
    assert max(map(len, log)) == 2000


async def test_error_of_the_tree_is_raised_with_all_its_facts(child):
    with pytest.raises(UnknownColumnError, match="no column 'x'") as raised:
        await child.call("raise_error", {"kind": "column"})
    assert raised.value.facts == {"column": "x"}
    assert raised.value.errors == [{"pointer": "/x"}]


async def test_retryable_error_stays_retryable(child):
    with pytest.raises(RetryableAnalysisError):
        await child.call("raise_error", {"kind": "retryable"})


async def test_unknown_exception_is_an_analysis_error_whose_frames_are_in_the_log_alone(child, log):
    with pytest.raises(AnalysisError, match="ValueError: not a number") as raised:
        await child.call("raise_error", {"kind": "value"})
    assert raised.value.facts == {"exception": "ValueError"}
    await child.close()
    head, frame = log
    assert head == "ValueError, raised by:"
    assert frame.startswith("sandbox_targets, line ")
    assert "raise errors[" in frame
    assert "/" not in frame


async def test_exit_of_the_interpreter_is_only_the_analysis_error(child):
    pid = child.pid
    with pytest.raises(AnalysisError, match="SystemExit: 3"):
        await child.call("raise_error", {"kind": "exit"})
    assert child.pid == pid


async def test_memory_error_becomes_out_of_memory(child):
    with pytest.raises(OutOfMemoryError):
        await child.call("raise_error", {"kind": "memory"})


@pytest.mark.parametrize("target", ["return_nonsense", "return_what_is_not_json"])
async def test_answer_that_is_none_is_the_analysis_error(child, target):
    with pytest.raises(AnalysisError):
        await child.call(target, {})
    assert await child.call("echo", {}) == ({}, [])


async def test_target_that_does_not_exist_fails_its_calls_and_no_others(tmp_path):
    child = ChildProcess(
        Limits(),
        {"missing": "sandbox_targets:missing", "gone": "no_such_module:f", "echo": "sandbox_targets:echo"},
        tmp_path,
        preload=(),
    )
    try:
        with pytest.raises(AnalysisError, match="AttributeError"):
            await child.call("missing", {})
        with pytest.raises(AnalysisError, match="ModuleNotFoundError"):
            await child.call("gone", {})
        with pytest.raises(InternalError, match="no target 'other'"):
            await child.call("other", {})
        assert await child.call("echo", {}) == ({}, [])
    finally:
        await child.close()


async def test_call_that_is_too_large_is_refused_before_it_is_sent(child):
    with pytest.raises(TooLargeError):
        await child.call("echo", {"text": "x" * (9 << 20)})
    assert await child.call("echo", {}) == ({}, [])


async def test_module_that_cannot_be_preloaded_is_told_at_start(tmp_path):
    child = ChildProcess(Limits(), {}, tmp_path, preload=["no_such_module"])
    with pytest.raises(InternalError, match="no_such_module: ModuleNotFoundError"):
        await child.start()
    await child.close()


async def test_heavy_libraries_work_within_the_limits(make_child):
    child = make_child(preload=("numpy", "pyarrow.parquet", "duckdb"), memory_bytes=512 << 20, n_threads=2)
    payload, _ = await child.call("work_with_all_libraries", {})
    assert payload == {"n": 1_000_000, "sum": 499_999_500_000, "norm": pytest.approx(1000, rel=0.01)}


async def test_description_names_each_control_with_a_reason(child):
    described = child.describe()
    json.dumps(described)
    assert {"memory", "cpu_time", "file_size", "network_off", "empty_environment", "process_count"} <= set(
        described
    )
    assert all(isinstance(one["on"], bool) and one["reason"] for one in described.values())
    assert described["memory"]["on"]
