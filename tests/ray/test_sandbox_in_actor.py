import os
import time
from pathlib import Path

import pytest

import ray
from prismlane.common.errors import CancelledByRequestError
from prismlane.engine.sandbox.child_process import ChildProcess, Limits

pytestmark = pytest.mark.ray


class Supervisor:
    """A worker's shape: it answers while its child computes."""

    def __init__(self, scratch_root: str) -> None:
        targets = {"identity": "actor_targets:identity", "spin": "actor_targets:spin"}
        self._child = ChildProcess(Limits(), targets, Path(scratch_root), preload=["pyarrow", "duckdb"])

    async def identify(self):
        answer, blobs = await self._child.call("identity", {}, [b"blob"])
        return {**answer, "blob": blobs[0], "actor_pid": os.getpid(), "described": self._child.describe()}

    async def spin(self):
        try:
            await self._child.call("spin", {})
        except CancelledByRequestError as error:
            return error.code

    async def child_pid(self):
        return self._child.pid

    async def cancel(self):
        await self._child.ask_to_cancel(grace_s=0.1)


@pytest.fixture
def supervisor(ray_session, tmp_path):
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    actor = ray.remote(num_cpus=0, max_concurrency=10, runtime_env=here)(Supervisor).remote(str(tmp_path))
    yield actor
    ray.kill(actor)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_child_of_an_actor_runs_without_ray_and_without_its_secrets(supervisor):
    answer = ray.get(supervisor.identify.remote(), timeout=60)
    assert answer["pid"] != answer["actor_pid"]
    assert answer["blob"] == b"blob"
    assert not [name for name in answer["modules"] if name.partition(".")[0] == "ray"]
    assert not [name for name in answer["environment"] if "RAY" in name]
    assert answer["described"]["memory"]["on"]


def test_actor_answers_while_its_child_spins_and_can_end_it(supervisor):
    spinning = supervisor.spin.remote()
    while not ray.wait([spinning], timeout=0.05)[0]:
        if ray.get(supervisor.child_pid.remote(), timeout=60) is not None:
            ray.get(supervisor.cancel.remote(), timeout=60)
    assert ray.get(spinning, timeout=60) == "cancelled-by-request"


def test_killed_actor_takes_its_child_along(supervisor):
    answer = ray.get(supervisor.identify.remote(), timeout=60)
    assert not is_gone(answer["pid"])
    os.kill(answer["actor_pid"], 9)
    end = time.monotonic() + 30
    while not is_gone(answer["pid"]) and time.monotonic() < end:
        time.sleep(0.01)
    assert is_gone(answer["pid"])
