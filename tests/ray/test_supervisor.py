import asyncio
import os
import signal

import pytest

from prismlane.actors import names
from prismlane.actors.handles import Handle, SupervisorHandle, TrackerHandle
from prismlane.actors.messages import Submission
from prismlane.actors.supervisor import create
from prismlane.common.ids import new_job_id
from prismlane.common.settings import DataSettings, EngineSettings, WorkerSettings
from prismlane.engine.jobs.model import JobSpec
from prismlane.engine.jobs.transitions import spec_to_dict
from prismlane.engine.storage.sqlite_reader import SqliteReader

pytestmark = pytest.mark.ray

TENANT = "acme"


async def run_noop(settings: EngineSettings, tracker: TrackerHandle) -> str:
    """Submit a job, and return the state that it ends in."""
    job_id = new_job_id()
    spec = spec_to_dict(JobSpec(analysis="noop", analysis_version="1.0"))
    await tracker.submit(Submission(job_id=job_id, tenant=TENANT, spec=spec))
    reader = SqliteReader.open(settings.data.directory)
    try:
        async with asyncio.timeout(60):
            while not (job := await reader.job(TENANT, job_id)).is_terminal:
                await asyncio.sleep(0.02)
    finally:
        await reader.close()
    return job.state


async def replaced(handle: Handle, what: str, before: object) -> None:
    async with asyncio.timeout(60):
        while (await handle.ping())[what] == before:
            await asyncio.sleep(0.1)


async def test_it_starts_all_actors_and_heals_those_that_die(namespace, tmp_path):
    settings = EngineSettings(
        namespace=namespace,
        plugins=["prismlane.testing.analyses"],
        data=DataSettings(directory=tmp_path),
        worker=WorkerSettings(n_workers=1),
    )
    create(names.SUPERVISOR, "supervisor", settings)
    supervisor = SupervisorHandle(names.SUPERVISOR, namespace, deadline_s=110.0)
    assert await supervisor.ping() == {"workers": 1}
    tracker = TrackerHandle(names.TRACKER, namespace)
    assert await run_noop(settings, tracker) == "succeeded"

    worker = Handle(names.worker_name(0), namespace)
    before = await worker.ping()
    os.kill(before["pid"], signal.SIGKILL)
    await replaced(worker, "id", before["id"])
    assert await run_noop(settings, tracker) == "succeeded"

    epoch = (await tracker.ping())["epoch"]
    os.kill(int((tmp_path / "prismlane.lock").read_text()), signal.SIGKILL)
    await replaced(tracker, "epoch", epoch)
    assert await run_noop(settings, tracker) == "succeeded"
    await supervisor.drain()
