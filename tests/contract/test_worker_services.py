"""Tracker, workers, holder and real child processes wired directly: everything but Ray."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prismlane.actors.child_pool import ChildPool
from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.holder import DatasetHolder
from prismlane.actors.messages import Submission, WorkerInfo
from prismlane.actors.tracker import StateTracker
from prismlane.actors.worker import AnalysisWorker
from prismlane.common.clock import SystemClock
from prismlane.common.errors import NotReadyError
from prismlane.common.ids import new_dataset_id, new_job_id
from prismlane.common.settings import DataSettings, TrackerSettings, WorkerSettings
from prismlane.common.states import AttemptState, JobState
from prismlane.engine.data.manifest import Column, Dataset, Partition
from prismlane.engine.jobs.model import Job, JobSpec
from prismlane.engine.jobs.transitions import fold, spec_to_dict
from prismlane.engine.sandbox.child_process import ChildProcess
from prismlane.engine.sandbox.limits import Limits
from prismlane.engine.targets import PRELOAD, TARGETS
from prismlane.testing import MemoryBlobs, MemoryStore

TENANT = "acme"
PLUGINS = ("prismlane.testing.analyses",)
N_PARTITIONS = 6
ROWS_OF_A_PARTITION = 50


class Line:
    """The way from a worker to the tracker, which can be cut; calls that wait on it hang as on a cut network."""

    def __init__(self, tracker: StateTracker) -> None:
        self._tracker = tracker
        self.is_cut = False

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_cut:
                raise NotReadyError("the line is cut")
            answer = await getattr(self._tracker, method)(*args, **kwargs)
            if self.is_cut:
                raise NotReadyError("the line was cut before the answer came")
            return answer

        return call


class Site:
    """A node: one tracker, one holder and the workers that a test asks for."""

    def __init__(self, directory: Path, **tracker_settings: float) -> None:
        self._directory = directory
        self.store = MemoryStore()
        self.blobs = MemoryBlobs()
        self.tracker_settings = TrackerSettings(**{"lease_s": 10.0, "heartbeat_s": 0.1, **tracker_settings})
        self.tracker = StateTracker(
            store=self.store,
            clock=SystemClock(),
            settings=self.tracker_settings,
            jitter=lambda: 0.0,
            on_deposed=lambda: None,
        )
        self.holder = DatasetHolder(
            blobs=self.blobs,
            loaders=ChildPool(lambda _: self._child(), size=1),
            ingesters=ChildPool(lambda _: self._child(), size=1),
            clock=SystemClock(),
            settings=DataSettings(directory=directory),
        )
        self.workers: list[AnalysisWorker] = []
        #: What the children wrote.
        self.log: list[str] = []

    def _child(self) -> ChildProcess:
        return ChildProcess(
            Limits(),
            TARGETS,
            self._directory / "scratch",
            preload=[*PRELOAD, *PLUGINS],
            on_log=self.log.append,
        )

    def partitions_computed(self, attempt: int) -> list[int]:
        """Which partitions `row_count` was asked for in an attempt, in order of their numbers."""
        told = (re.fullmatch(r"row_count: partition (\d+) attempt (\d+)", line) for line in self.log)
        return sorted(int(found[1]) for found in told if found is not None and int(found[2]) == attempt)

    async def start(self) -> None:
        await self.tracker.start()
        await self.holder.start()

    async def stop(self) -> None:
        for worker in self.workers:
            await worker.stop()
        await self.holder.stop()
        await self.tracker.stop()
        self.blobs.close()

    async def hire(self) -> tuple[AnalysisWorker, Line]:
        """One more worker, at work."""
        line = Line(self.tracker)
        worker = AnalysisWorker(
            info=WorkerInfo(id=f"w_{len(self.workers)}", node="n", pid=len(self.workers)),
            tracker=cast("TrackerHandle", line),
            holder=cast("HolderHandle", self.holder),
            blobs=self.blobs,
            child=self._child(),
            clock=SystemClock(),
            worker_settings=WorkerSettings(batch_s=0.0),
            tracker_settings=self.tracker_settings,
            plugins=PLUGINS,
        )
        self.workers.append(worker)
        await worker.start()
        return worker, line

    async def submit(self, analysis: str, dataset: Dataset | None = None, **spec: Any) -> str:
        if dataset is not None:
            spec |= {"dataset_id": dataset.id, "n_partitions": len(dataset.partitions)}
        made = JobSpec(analysis=analysis, analysis_version="1.0", **spec)
        submission = Submission(job_id=new_job_id(), tenant=TENANT, spec=spec_to_dict(made))
        return (await self.tracker.submit(submission))["created_id"]

    async def cancel(self, job_id: str, grace_s: float = 5.0) -> None:
        await self.tracker.cancel(TENANT, job_id, force=False, grace_s=grace_s, reason="")

    async def add_table(self) -> Dataset:
        """A table of six partitions, known to the tracker."""
        path = self._directory / "table.parquet"
        n_rows = N_PARTITIONS * ROWS_OF_A_PARTITION
        rng = np.random.default_rng(7)
        table = pa.table(
            {"x": np.arange(n_rows), "y": rng.normal(size=n_rows), "z": rng.integers(0, 9, n_rows)}
        )
        pq.write_table(table, path, row_group_size=ROWS_OF_A_PARTITION)
        ref = await self.blobs.put(path.read_bytes())
        dataset = Dataset(
            id=new_dataset_id(),
            name="table",
            format="parquet",
            fingerprint=ref.hash,
            source_hash=ref.hash,
            table_hash=ref.hash,
            n_rows=n_rows,
            n_bytes=ref.n_bytes,
            created_at=1.0,
            columns=[
                Column("x", "BIGINT", "numeric"),
                Column("y", "DOUBLE", "numeric"),
                Column("z", "BIGINT", "numeric"),
            ],
            partitions=[Partition(n, n, n + 1, ROWS_OF_A_PARTITION) for n in range(N_PARTITIONS)],
        )
        await self.tracker.add_dataset(TENANT, dataset.to_dict(), None)
        return dataset

    async def job(self, job_id: str) -> Job:
        job = await self.store.job(TENANT, job_id)
        assert job is not None
        return job

    async def until(self, job_id: str, condition: Callable[[Job], bool]) -> Job:
        """The job as soon as `condition` holds; woken by the tracker's feed."""
        stream, position = 0, 0
        while True:
            job = await self.job(job_id)
            if condition(job):
                return job
            page = await self.tracker.feed(stream, position, 1.0)
            stream, position = page["stream"], page["position"]

    async def end_of(self, job_id: str) -> Job:
        job = await self.until(job_id, lambda job: job.is_terminal)
        events = [stored.event for stored in await self.store.events(TENANT, job_id)]
        assert fold(events) == job, "the row is the fold of the events"
        return job

    async def progress_of(self, job_id: str) -> None:
        """Returns when the job's analysis has told that it is under way."""
        stream, position = 0, 0
        while True:
            page = await self.tracker.feed(stream, position, 10.0)
            stream, position = page["stream"], page["position"]
            if any(entry["job_id"] == job_id and entry.get("progress") for entry in page["entries"]):
                return

    async def result(self, job: Job) -> Any:
        assert job.result_hash is not None, job.error
        return json.loads(await self.blobs.get(job.result_hash))


@pytest.fixture
async def make_site(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Site]]]:
    made: list[Site] = []

    async def make(n_workers: int = 1, **tracker_settings: float) -> Site:
        directory = tmp_path / f"site-{len(made)}"
        directory.mkdir()
        site = Site(directory, **tracker_settings)
        made.append(site)
        await site.start()
        for _ in range(n_workers):
            await site.hire()
        return site

    yield make
    for site in made:
        await site.stop()


MakeSite = Callable[..., Awaitable[Site]]


async def test_a_job_runs_in_a_child_and_its_result_is_published(make_site: MakeSite) -> None:
    site = await make_site()
    job = await site.end_of(await site.submit("sleep", params={"seconds": 0.01}))
    assert job.state is JobState.SUCCEEDED
    assert (await site.result(job))["output"] == {"seconds": 0.01}


async def test_many_small_jobs_all_end(make_site: MakeSite) -> None:
    site = await make_site()
    jobs = [await site.submit("noop") for _ in range(30)]
    assert {(await site.end_of(job_id)).state for job_id in jobs} == {JobState.SUCCEEDED}


async def test_two_workers_share_the_partitions_of_a_job(make_site: MakeSite) -> None:
    site = await make_site(2)
    job = await site.end_of(await site.submit("row_count", await site.add_table(), params={"seconds": 0.2}))
    assert (await site.result(job))["output"] == {"n_rows": N_PARTITIONS * ROWS_OF_A_PARTITION}
    assert site.partitions_computed(1) == list(range(N_PARTITIONS)), "each partition once"


async def test_g14_one_worker_and_two_give_the_same_bytes(make_site: MakeSite) -> None:
    hashes = set()
    for n_workers in (1, 2):
        site = await make_site(n_workers)
        job_id = await site.submit("profile", await site.add_table(), n_passes=2)
        job = await site.end_of(job_id)
        assert job.state is JobState.SUCCEEDED, job.error
        hashes.add(job.result_hash)
    assert len(hashes) == 1


async def test_a_job_that_is_cancelled_between_its_partitions_ends_cancelled(make_site: MakeSite) -> None:
    site = await make_site(2)
    job_id = await site.submit("row_count", await site.add_table(), params={"seconds": 0.3})
    await site.progress_of(job_id)
    await site.cancel(job_id)
    job = await site.end_of(job_id)
    assert (job.state, job.result_hash) == (JobState.CANCELLED, None)
    after = await site.end_of(await site.submit("noop"))
    assert after.state is JobState.SUCCEEDED, "the workers are free again"


async def test_a_job_that_never_asks_is_killed_after_the_grace(make_site: MakeSite) -> None:
    site = await make_site()
    job_id = await site.submit("stubborn", params={"seconds": 600})
    await site.until(job_id, lambda job: job.state is JobState.RUNNING)
    await site.cancel(job_id, grace_s=0.1)
    assert (await site.end_of(job_id)).state is JobState.CANCELLED


async def test_a_lease_is_renewed_for_as_long_as_the_grace_of_a_cancel(make_site: MakeSite) -> None:
    site = await make_site(lease_s=1.0)
    job_id = await site.submit("stubborn", params={"seconds": 3.0})
    await site.until(job_id, lambda job: job.state is JobState.RUNNING)
    await site.cancel(job_id, grace_s=60.0)
    job = await site.end_of(job_id)
    assert job.state is JobState.CANCELLED
    assert job.cancel is not None
    assert job.finished_at is not None
    assert job.finished_at - job.cancel.at > 2.0, "its owner ended it, not a lease that ran out"


async def test_g12_a_worker_that_drains_hands_its_job_back(make_site: MakeSite) -> None:
    site = await make_site()
    job_id = await site.submit("sleep", params={"seconds": 1.0}, max_attempts=1)
    await site.progress_of(job_id)
    await site.workers[0].drain()
    back = await site.until(job_id, lambda job: job.state is not JobState.RUNNING)
    assert back.state is JobState.QUEUED
    assert back.attempt is not None
    assert back.attempt.state is AttemptState.RELEASED
    await site.hire()
    job = await site.end_of(job_id)
    assert (job.state, job.n_attempts) == (JobState.SUCCEEDED, 1), "no attempt was counted as failed"


async def test_g12_a_drained_partition_job_goes_on_where_it_stopped(
    make_site: MakeSite, tmp_path: Path
) -> None:
    site = await make_site()
    job_id = await site.submit("row_count", await site.add_table(), params={"seconds": 0.3})
    await site.progress_of(job_id)
    await site.workers[0].drain()
    await site.until(job_id, lambda job: job.state is JobState.QUEUED)
    kept = {point.partition for point in await site.store.checkpoints(job_id)}
    assert kept
    await site.hire()
    assert (await site.end_of(job_id)).state is JobState.SUCCEEDED
    assert set(site.partitions_computed(2)) == set(range(N_PARTITIONS)) - kept, "only what was missing"


async def test_g5_a_worker_that_cannot_reach_the_tracker_drops_its_work(make_site: MakeSite) -> None:
    site = await make_site(0, lease_s=1.0)
    worker, line = await site.hire()
    job_id = await site.submit("sleep", params={"seconds": 2.0})
    await site.progress_of(job_id)
    line.is_cut = True
    lost = await site.until(job_id, lambda job: job.owner_fence is None)
    assert lost.attempt is not None
    assert lost.attempt.state is AttemptState.LOST
    while (await worker.ping())["jobs"]:
        await asyncio.sleep(0.01)
    await site.hire()
    job = await site.end_of(job_id)
    assert job.attempt is not None
    assert (job.state, job.attempt.worker) == (JobState.SUCCEEDED, "w_1")
    line.is_cut = False
    again = await site.submit("noop")
    assert (await site.end_of(again)).state is JobState.SUCCEEDED


async def test_an_order_for_an_attempt_of_old_is_dropped(make_site: MakeSite) -> None:
    site = await make_site()
    job_id = await site.submit("sleep", params={"seconds": 0.5})
    await site.progress_of(job_id)
    job = await site.job(job_id)
    site.tracker._roster.order(
        "w_0", {"job_id": job_id, "fence": job.fence - 1, "force": True, "grace_s": 0.0}
    )
    assert (await site.end_of(job_id)).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("analysis", "params", "reason", "n_attempts"),
    [
        ("fail", {"kind": "permanent"}, "error", 1),
        ("fail", {"kind": "retryable"}, "error", 2),
        ("crash", {}, "poison", 2),
        ("sleep", {"seconds": 60}, "timeout", 1),
    ],
)
async def test_a_failure_is_tried_again_only_where_that_may_help(
    make_site: MakeSite, analysis: str, params: dict[str, Any], reason: str, n_attempts: int
) -> None:
    site = await make_site()
    run_timeout_s = 0.5 if reason == "timeout" else 60.0
    job_id = await site.submit(analysis, params=params, max_attempts=2, run_timeout_s=run_timeout_s)
    job = await site.end_of(job_id)
    assert (job.state, job.reason, job.n_attempts) == (JobState.FAILED, reason, n_attempts)
