import asyncio

import pytest
from sandbox_targets import HOSTILE_FRAMES

from prismlane.common.errors import AnalysisError, ChildDiedError, DeadlineExceededError

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("frame", HOSTILE_FRAMES)
async def test_frame_that_is_no_answer_ends_the_child_and_not_the_parent(child, frame):
    with pytest.raises(ChildDiedError):
        await child.call("send", {"frame": frame})
    assert await child.call("echo", {}) == ({}, [])


async def test_answer_above_the_limit_is_not_read(make_child):
    child = make_child(max_answer_bytes=1 << 20)
    with pytest.raises(ChildDiedError, match="in all"):
        await child.call("return_too_much", {"n_bytes": 2 << 20})


async def test_errors_that_are_not_a_childs_business_are_the_analysis_error(child):
    for kind, code in (("epoch", "stale-epoch"), ("cancelled", "cancelled-by-request")):
        with pytest.raises(AnalysisError) as raised:
            await child.call("raise_error", {"kind": kind})
        assert raised.value.facts == {"code": code}


async def test_flood_of_progress_ends_the_child(child):
    with pytest.raises(ChildDiedError, match="out of turn"):
        await child.call("flood_with_progress", {"id": 1})


async def test_flood_of_the_log_does_not_starve_the_parent(child, log):
    call = asyncio.create_task(child.call("flood_the_log", {}, timeout_s=1.0))
    n_turns = 0
    while not call.done():
        await asyncio.sleep(0.01)
        n_turns += 1
    with pytest.raises(DeadlineExceededError):
        await call
    assert log[0] == "first"
    assert n_turns > 10
    assert len(log) < 20_000


async def test_child_that_closes_its_pipe_is_ended(child):
    with pytest.raises(ChildDiedError):
        await child.call("close_the_pipe", {})
    assert await child.call("echo", {}) == ({}, [])
