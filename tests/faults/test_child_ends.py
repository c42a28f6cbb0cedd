import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from prismlane.common.errors import (
    CancelledByRequestError,
    ChildDiedError,
    DeadlineExceededError,
    OutOfMemoryError,
)

pytestmark = pytest.mark.faults


async def begin(child, target, payload=None, **options):
    """A running call of `target`, which has told that it runs."""
    runs = asyncio.Event()
    call = asyncio.create_task(
        child.call(target, payload or {}, on_progress=lambda share, phase: runs.set(), **options)
    )
    await asyncio.wait([call, asyncio.create_task(runs.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not call.done(), call.exception()
    return call


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def gone(*pids: int) -> bool:
    end = time.monotonic() + 30
    while not all(map(is_gone, pids)) and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return all(map(is_gone, pids))


async def test_cancel_that_the_target_heeds_keeps_the_child(child):
    pid = child.pid
    call = await begin(child, "wait_until_asked")
    await child.ask_to_cancel(grace_s=60)
    with pytest.raises(CancelledByRequestError):
        await call
    assert await child.call("pid", {}) == ({"pid": pid}, [])


async def test_cancel_interrupts_what_blocks(child):
    call = await begin(child, "wait_for_an_interrupt")
    await child.ask_to_cancel(grace_s=60)
    with pytest.raises(CancelledByRequestError):
        await call


async def test_cancel_interrupts_a_query_of_duckdb(make_child):
    child = make_child(preload=["duckdb"])
    call = await begin(child, "query_without_end")
    pid = child.pid
    await child.ask_to_cancel(grace_s=60)
    with pytest.raises(CancelledByRequestError):
        await call
    assert child.pid == pid


@pytest.mark.parametrize("target", ["spin", "spin_in_c"])
async def test_cancel_that_the_target_ignores_kills_it_after_the_grace(child, target):
    pid = child.pid
    call = await begin(child, target)
    await child.ask_to_cancel(grace_s=0.1)
    with pytest.raises(CancelledByRequestError):
        await call
    assert await gone(pid)
    assert await child.call("echo", {"again": True}) == ({"again": True}, [])


async def test_cancel_without_a_running_call_does_nothing(child):
    pid = child.pid
    await child.ask_to_cancel(grace_s=0)
    assert await child.call("pid", {}) == ({"pid": pid}, [])


async def test_event_loop_goes_on_while_the_child_holds_its_interpreter(child):
    call = await begin(child, "spin_in_c")
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not call.done()
    await child.kill()
    with pytest.raises(ChildDiedError):
        await call


async def test_deadline_asks_first(child):
    pid = child.pid
    with pytest.raises(DeadlineExceededError):
        await child.call("wait_until_asked", {}, timeout_s=0.05)
    assert child.pid == pid


async def test_deadline_kills_what_does_not_heed_it(make_child):
    child = make_child(grace_s=0.05)
    with pytest.raises(DeadlineExceededError):
        await child.call("spin", {}, timeout_s=0.05)
    assert await child.call("echo", {}) == ({}, [])


async def test_deadline_ends_a_stopped_child(make_child):
    child = make_child(grace_s=0.05)
    with pytest.raises(DeadlineExceededError):
        await child.call("stop", {}, timeout_s=0.5)
    assert await child.call("echo", {}) == ({}, [])


async def test_deadline_of_one_call_does_not_touch_the_next(make_child):
    child = make_child(grace_s=0.0)
    await child.call("echo", {}, timeout_s=0.2)
    call = await begin(child, "wait_until_asked")
    await asyncio.wait([call], timeout=0.5)
    assert not call.done()
    await child.ask_to_cancel(grace_s=60)
    with pytest.raises(CancelledByRequestError):
        await call


async def test_killed_child_ends_the_call_at_once_and_the_next_call_works(child):
    pid = child.pid
    call = await begin(child, "spin")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ChildDiedError, match="SIGKILL") as raised:
        await call
    assert raised.value.facts["signal"] == "SIGKILL"
    assert raised.value.retryable
    answer, _ = await child.call("pid", {})
    assert answer["pid"] != pid


async def test_child_that_died_between_calls_is_replaced_unnoticed(child):
    pid = child.pid
    os.kill(pid, signal.SIGKILL)
    assert await gone(pid)
    assert await child.call("echo", {}) == ({}, [])


async def test_exit_of_the_process_tells_its_code(child):
    with pytest.raises(ChildDiedError, match="exit code 7") as raised:
        await child.call("die", {"code": 7})
    assert raised.value.facts["exit_code"] == 7
    assert (await child.call("echo", {})) == ({}, [])
    assert child.last_exit.code == 7


async def test_crash_is_told_by_its_signal(child):
    with pytest.raises(ChildDiedError, match="SIGSEGV"):
        await child.call("die", {"signal": signal.SIGSEGV})


async def test_abort_after_a_failed_allocation_is_out_of_memory(child, log):
    with pytest.raises(OutOfMemoryError):
        await child.call("abort_for_want_of_memory", {})
    assert "bad_alloc" in log[-1]


async def test_caller_that_goes_away_takes_the_child_with_it(child):
    pid = child.pid
    call = await begin(child, "spin")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await gone(pid)
    assert await child.call("echo", {}) == ({}, [])


async def test_renewed_child_is_another_process(child):
    pid = child.pid
    await child.renew()
    assert child.pid not in (None, pid)
    assert await gone(pid)


async def test_end_of_the_fork_server_ends_the_child_and_both_come_back(child):
    pid = child.pid
    server_pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    call = await begin(child, "spin")
    os.kill(server_pid, signal.SIGKILL)
    with pytest.raises(ChildDiedError):
        await call
    assert await gone(pid, server_pid)
    assert await child.call("echo", {}) == ({}, [])


async def test_processes_left_behind_die_with_the_child(make_child):
    child = make_child(may_fork=True)
    answer, _ = await child.call("leave_processes_behind", {})
    assert not any(is_gone(pid) for pid in answer["pids"])
    await child.kill()
    assert await gone(*answer["pids"])


async def test_close_leaves_no_process(child):
    pid = child.pid
    server_pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    await child.close()
    assert await gone(pid, server_pid)
    assert not child.is_alive


PARENT = """
import asyncio, sys
from pathlib import Path
from prismlane.engine.sandbox.child_process import ChildProcess, Limits

async def main():
    child = ChildProcess(Limits(may_fork=True), {"leave": "sandbox_targets:leave_processes_behind",
                         "spin": "sandbox_targets:spin"}, Path(sys.argv[1]), preload=())
    answer, _ = await child.call("leave", {})
    print(child.pid, *answer["pids"], flush=True)
    await child.call("spin", {}, on_progress=lambda share, phase: print("runs", flush=True))

asyncio.run(main())
"""


async def test_killed_parent_takes_its_child_and_what_that_started_along(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
    )
    with parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert parent.stdout.readline() == b"runs\n"
        assert len(pids) == 3
        assert not any(map(is_gone, pids))
        parent.kill()
        parent.wait()
        assert await gone(*pids)
