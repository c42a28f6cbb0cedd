import asyncio
import os
import signal
from pathlib import Path

import pytest
from odd_shell import OddShell

import ray
from prismlane.actors.handles import Handle
from prismlane.actors.shell import OPTIONS
from prismlane.common.errors import InternalError, JobNotFoundError, NotReadyError, StorageFullError
from prismlane.common.settings import EngineSettings

pytestmark = pytest.mark.ray

HERE = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}


def start(name, namespace, directory):
    options = {**OPTIONS, "num_cpus": 0, "runtime_env": HERE, "name": name, "namespace": namespace}
    return ray.remote(OddShell).options(**options).remote(name, str(directory), EngineSettings().to_dict())


@pytest.fixture
def odd(namespace, tmp_path):
    """An odd actor, and a handle of it."""
    actor = start("odd", namespace, tmp_path)
    yield actor, Handle("odd", namespace, deadline_s=60.0)
    ray.kill(actor)


def starts(directory) -> list[str]:
    return (directory / "starts").read_text().splitlines()


async def test_values_and_problems_cross_as_data(odd):
    _, handle = odd
    assert await handle.call("echo", {"a": [1]}, times=2) == [{"a": [1]}, {"a": [1]}]
    with pytest.raises(JobNotFoundError, match="there is no job j") as raised:
        await handle.call("refuse")
    assert raised.value.facts == {"job": "j"}


async def test_an_unexpected_error_is_told_without_its_details(odd):
    _, handle = odd
    with pytest.raises(InternalError) as raised:
        await handle.call("break_down")
    assert "secret" not in str(raised.value.to_dict())
    assert "odd.break_down" in raised.value.detail


async def test_first_calls_that_come_at_once_start_the_service_once(odd, tmp_path):
    _, handle = odd
    await asyncio.gather(*(handle.call("echo", number) for number in range(20)))
    assert len(starts(tmp_path)) == 1


async def test_a_service_starts_without_being_called_and_tries_again_after_a_problem(namespace, tmp_path):
    (tmp_path / "full").touch()
    actor = start("full", namespace, tmp_path)
    handle = Handle("full", namespace, deadline_s=60.0)
    with pytest.raises(StorageFullError):
        await handle.ping()
    (tmp_path / "full").unlink()
    assert await handle.ping()
    ray.kill(actor)


async def test_a_killed_actor_starts_again_by_itself(odd, tmp_path):
    _, handle = odd
    pid = (await handle.ping())["pid"]
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        while len(starts(tmp_path)) < 2:
            await asyncio.sleep(0.05)


async def test_calls_wait_through_a_restart(odd):
    actor, handle = odd
    pid = (await handle.ping())["pid"]
    ray.kill(actor, no_restart=False)
    answers = await asyncio.gather(*(handle.call("echo", number) for number in range(20)))
    assert answers == [[number] for number in range(20)]
    assert (await handle.ping())["pid"] != pid


async def test_an_actor_that_is_not_there_is_not_ready(namespace):
    with pytest.raises(NotReadyError, match="nobody does not answer") as raised:
        await Handle("nobody", namespace, deadline_s=0.3).ping()
    assert raised.value.retry_after_s


async def test_an_actor_that_hangs_is_not_ready_after_the_deadline(odd, namespace):
    _, handle = odd
    pid = (await handle.ping())["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(NotReadyError):
            await Handle("odd", namespace, deadline_s=0.5).ping()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await handle.ping())["pid"] == pid
