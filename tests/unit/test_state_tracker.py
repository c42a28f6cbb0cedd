"""The StateTracker over the store in memory: no Ray, no disk, a clock that the tests move."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from prismlane.actors.messages import Accepted, Grant, Outcome, Submission, WorkerInfo
from prismlane.actors.tracker import StateTracker
from prismlane.common.errors import (
    DatasetInUseError,
    DatasetNotFoundError,
    IdempotencyMismatchError,
    InvalidTransitionError,
    JobNotFoundError,
    OverloadedError,
    PrismlaneError,
    StaleEpochError,
    StorageFullError,
)
from prismlane.common.ids import new_dataset_id, new_job_id
from prismlane.common.settings import TrackerSettings
from prismlane.common.states import AttemptState, FailureReason, JobState
from prismlane.engine.jobs.model import Job, JobSpec
from prismlane.engine.jobs.transitions import fold, spec_to_dict
from prismlane.engine.ports import Transaction
from prismlane.testing import FakeClock, MemoryStore

TENANT = "acme"
ALICE = WorkerInfo(id="w_alice", node="n1", pid=1)
BOB = WorkerInfo(id="w_bob", node="n1", pid=2)


class FailingStore(MemoryStore):
    """The store in memory, whose next commit fails if it is told so."""

    next_failure: PrismlaneError | None = None

    async def commit(self, transactions: Sequence[Transaction]) -> None:
        failure, self.next_failure = self.next_failure, None
        if failure is not None:
            raise failure
        await super().commit(transactions)


class Stage:
    """A tracker with its store and clock, and short ways to drive them."""

    def __init__(self, store: FailingStore | None = None, **settings: Any) -> None:
        self.store = store or FailingStore()
        self.clock = FakeClock()
        self.deposed = 0
        self.tracker = self._new(TrackerSettings(**settings))

    def _new(self, settings: TrackerSettings) -> StateTracker:
        def on_deposed() -> None:
            self.deposed += 1

        return StateTracker(
            store=self.store, clock=self.clock, settings=settings, jitter=lambda: 0.5, on_deposed=on_deposed
        )

    async def restart(self) -> None:
        """The process ends without a word; a new one starts on the same store."""
        assert self.tracker._ticker is not None
        self.tracker._ticker.cancel()
        self.store = FailingStore(beside=self.store)
        self.tracker = self._new(self.tracker._settings)
        await self.tracker.start()

    async def submit(self, key: str | None = None, job_id: str | None = None, **spec: Any) -> str:
        accepted = await self.submit_for_answer(key, job_id, **spec)
        return accepted["created_id"]

    async def submit_for_answer(
        self, key: str | None = None, job_id: str | None = None, fingerprint: str = "same", **spec: Any
    ) -> Accepted:
        made = JobSpec(**{"analysis": "noop", "analysis_version": "1", **spec})
        submission = Submission(
            job_id=job_id or new_job_id(),
            tenant=TENANT,
            spec=spec_to_dict(made),
            idempotency=None if key is None else {"route": "jobs", "key": key, "fingerprint": fingerprint},
        )
        return await self.tracker.submit(submission)

    async def claim(self, worker: WorkerInfo = ALICE, max_jobs: int = 1) -> list[Grant]:
        claimed = await self.tracker.claim(worker, max_jobs=max_jobs, batch_s=1.0, wait_s=0.0)
        return claimed["grants"]

    async def report(self, grant: Grant, kind: Any = "succeeded", **more: Any) -> bool:
        outcome: dict[str, Any] = {
            "job_id": grant["job_id"],
            "tenant": TENANT,
            "fence": grant["fence"],
            "kind": kind,
        }
        if kind == "succeeded":
            outcome |= {"result_hash": "a" * 64, "result_bytes": 2}
        claimed = await self.tracker.claim(
            ALICE, max_jobs=0, batch_s=0.0, wait_s=0.0, outcomes=[Outcome(**{**outcome, **more})]
        )
        return claimed["taken"][0]

    async def cancel(self, job_id: str, **how: Any) -> None:
        await self.tracker.cancel(TENANT, job_id, **{"force": False, "grace_s": 10.0, "reason": "", **how})

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps, with a tick after each."""
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            await self.tracker.tick()

    async def job(self, job_id: str) -> Job:
        job = await self.store.job(TENANT, job_id)
        assert job is not None
        events = [stored.event for stored in await self.store.events(TENANT, job_id)]
        assert fold(events) == job, "the row is the fold of the events"
        return job


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    await made.tracker.start()
    yield made
    await made.tracker.stop()


async def test_a_job_runs_from_submit_to_result(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    assert await stage.report(grant)
    job = await stage.job(job_id)
    assert (job.state, job.result_hash, job.seq) == (JobState.SUCCEEDED, "a" * 64, 3)


async def test_g1_a_job_that_was_accepted_is_there_after_a_crash(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.restart()
    (grant,) = await stage.claim()
    assert grant["job_id"] == job_id


async def test_g2_equal_requests_at_once_are_one_job(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.submit_for_answer("key") for _ in range(200)))
    assert len({answer["created_id"] for answer in answers}) == 1
    assert sum(answer["created"] for answer in answers) == 1
    assert len(await stage.claim(max_jobs=10)) == 1


async def test_g2_a_key_is_remembered_after_a_restart_and_refuses_another_request(stage: Stage) -> None:
    job_id = await stage.submit("key")
    await stage.restart()
    assert await stage.submit("key") == job_id
    with pytest.raises(IdempotencyMismatchError, match=job_id):
        await stage.submit_for_answer("key", fingerprint="other")


async def test_a_submission_that_is_repeated_with_its_id_is_known(stage: Stage) -> None:
    job_id = new_job_id()
    assert (await stage.submit_for_answer(job_id=job_id))["created"]
    assert not (await stage.submit_for_answer(job_id=job_id))["created"]
    (grant,) = await stage.claim()
    await stage.report(grant)
    assert not (await stage.submit_for_answer(job_id=job_id))["created"]


async def test_a_full_queue_refuses_before_it_accepts() -> None:
    stage = Stage(max_unfinished=2)
    await stage.tracker.start()
    await stage.submit()
    await stage.submit()
    with pytest.raises(OverloadedError):
        await stage.submit()
    assert len([*await stage.claim(ALICE), *await stage.claim(BOB)]) == 2
    await stage.tracker.stop()


async def test_a_submission_that_waits_is_answered_when_the_job_ends(stage: Stage) -> None:
    spec = spec_to_dict(JobSpec(analysis="noop", analysis_version="1"))
    submission = Submission(job_id=new_job_id(), tenant=TENANT, spec=spec)
    submitting = asyncio.create_task(stage.tracker.submit(submission, 60.0))
    claimed = await stage.tracker.claim(ALICE, max_jobs=1, batch_s=0.0, wait_s=60.0)
    assert not submitting.done()
    await stage.report(claimed["grants"][0])
    assert (await submitting)["created"]
    assert (await stage.job(submission["job_id"])).is_terminal


async def test_a_waiting_claim_gets_a_job_as_soon_as_there_is_one(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.tracker.claim(ALICE, max_jobs=1, batch_s=0.0, wait_s=60.0))
    await asyncio.sleep(0)
    job_id = await stage.submit()
    claimed = await waiting
    assert [grant["job_id"] for grant in claimed["grants"]] == [job_id]


async def test_g4_a_result_that_is_told_twice_is_taken_twice_and_published_once(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    assert await stage.report(grant)
    assert await stage.report(grant), "the answer may have been lost: the same word again is no lie"
    assert not await stage.report(grant, result_hash="b" * 64)
    assert (await stage.job(job_id)).result_hash == "a" * 64


async def test_g5_a_lost_attempt_is_run_again_and_its_late_result_is_refused(stage: Stage) -> None:
    job_id = await stage.submit()
    (first,) = await stage.claim(ALICE)
    await stage.pass_time(31.0)
    lost = await stage.job(job_id)
    assert lost.attempt is not None
    assert lost.attempt.state is AttemptState.LOST
    stage.clock.advance(60.0)
    await stage.tracker.tick()
    (second,) = await stage.claim(BOB)
    assert second["fence"] > first["fence"]
    assert not await stage.report(first, result_hash="b" * 64)
    assert await stage.report(second)
    assert (await stage.job(job_id)).result_hash == "a" * 64


async def test_heartbeats_keep_a_lease_and_tell_of_stale_ones(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    for _ in range(5):
        stage.clock.advance(20.0)
        heard = await stage.tracker.heartbeat(ALICE, leases=[(job_id, grant["fence"])], wait_s=0.0)
        await stage.tracker.tick()
        assert heard == {"cancel": [], "stale": []}
    assert (await stage.job(job_id)).state is JobState.RUNNING
    heard = await stage.tracker.heartbeat(ALICE, leases=[(job_id, grant["fence"] - 1)], wait_s=5.0)
    assert heard["stale"] == [job_id]


async def test_a_worker_whose_process_is_gone_loses_its_jobs_at_once(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.claim(ALICE)
    await stage.tracker.worker_gone(ALICE["id"])
    assert (await stage.job(job_id)).state is JobState.RETRY_WAIT


async def test_a_job_that_took_two_workers_down_is_poison(stage: Stage) -> None:
    job_id = await stage.submit(max_attempts=10)
    for worker in (ALICE, BOB):
        (grant,) = await stage.claim(worker)
        await stage.tracker.heartbeat(worker, leases=[(job_id, grant["fence"])], wait_s=0.0)
        await stage.tracker.worker_gone(worker["id"])
        stage.clock.advance(60.0)
        await stage.tracker.tick()
    job = await stage.job(job_id)
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.POISON)


async def test_attempts_are_used_up_by_retryable_failures(stage: Stage) -> None:
    job_id = await stage.submit(max_attempts=2)
    for _ in range(2):
        (grant,) = await stage.claim()
        await stage.report(grant, "failed", reason="error", error={"detail": "no"}, retryable=True)
        stage.clock.advance(60.0)
        await stage.tracker.tick()
    job = await stage.job(job_id)
    assert (job.state, job.n_attempts, job.error) == (JobState.FAILED, 2, {"detail": "no"})


async def test_g7_a_queued_job_that_is_cancelled_is_never_granted(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.cancel(job_id)
    assert await stage.claim() == []
    assert (await stage.job(job_id)).state is JobState.CANCELLED
    await stage.cancel(job_id)


async def test_g7_a_running_job_is_told_to_its_owner_and_cannot_succeed(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    beat = asyncio.create_task(stage.tracker.heartbeat(ALICE, leases=[(job_id, grant["fence"])], wait_s=60.0))
    await asyncio.sleep(0)
    await stage.cancel(job_id, grace_s=3.0)
    heard = await beat
    assert heard["cancel"] == [{"job_id": job_id, "fence": grant["fence"], "force": False, "grace_s": 3.0}]
    assert (await stage.job(job_id)).state is JobState.CANCELLING
    assert await stage.report(grant), "its word is taken, its result is not"
    job = await stage.job(job_id)
    assert (job.state, job.result_hash) == (JobState.CANCELLED, None)


async def test_g12_a_worker_that_leaves_gets_no_more_work_and_still_reports(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.tracker.claim(ALICE, max_jobs=1, batch_s=0.0, wait_s=60.0))
    await asyncio.sleep(0)
    await stage.tracker.leave(ALICE)
    assert (await waiting)["grants"] == []
    job_id = await stage.submit()
    assert await stage.claim(ALICE) == []
    (grant,) = await stage.claim(BOB)
    assert await stage.report(grant), "whoever brings it: the fence counts"
    assert (await stage.job(job_id)).state is JobState.SUCCEEDED


async def test_g7_an_owner_that_does_not_answer_a_cancel_is_not_waited_for(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.claim()
    await stage.cancel(job_id, grace_s=1.0)
    stage.clock.advance(12.0)
    await stage.tracker.tick()
    assert (await stage.job(job_id)).state is JobState.CANCELLED


async def test_g6_an_ended_job_refuses_to_be_cancelled(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    await stage.report(grant)
    with pytest.raises(InvalidTransitionError, match="succeeded"):
        await stage.cancel(job_id)


async def test_g11_another_tenants_job_is_not_there(stage: Stage) -> None:
    job_id = await stage.submit()
    with pytest.raises(JobNotFoundError):
        await stage.tracker.cancel("other", job_id, force=False, grace_s=1.0, reason="")


async def test_g12_a_job_that_is_handed_back_counts_no_attempt(stage: Stage) -> None:
    job_id = await stage.submit(max_attempts=1)
    (grant,) = await stage.claim()
    await stage.report(grant, "released")
    (again,) = await stage.claim(BOB)
    assert again["attempt"] == 2
    assert await stage.report(again)
    assert (await stage.job(job_id)).n_attempts == 1


async def test_a_running_job_is_adopted_by_a_new_tracker(stage: Stage) -> None:
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    await stage.restart()
    heard = await stage.tracker.heartbeat(ALICE, leases=[(job_id, grant["fence"])], wait_s=0.0)
    assert heard["stale"] == []
    assert await stage.report(grant)
    assert (await stage.job(job_id)).state is JobState.SUCCEEDED


async def test_a_deposed_tracker_ends_and_writes_nothing(stage: Stage) -> None:
    await MemoryStore(beside=stage.store).take_over()
    with pytest.raises(StaleEpochError):
        await stage.submit()
    assert stage.deposed >= 1


async def test_a_job_waits_for_its_time_and_for_other_jobs(stage: Stage) -> None:
    first = await stage.submit(not_before=stage.clock.now() + 100.0)
    second = await stage.submit(waits_on=(first,))
    assert await stage.claim() == []
    stage.clock.advance(101.0)
    await stage.tracker.tick()
    (grant,) = await stage.claim(max_jobs=5)
    assert grant["job_id"] == first
    await stage.report(grant)
    (grant,) = await stage.claim()
    assert grant["job_id"] == second


async def test_a_job_nobody_claims_in_time_expires(stage: Stage) -> None:
    job_id = await stage.submit(queue_deadline=stage.clock.now() + 5.0)
    stage.clock.advance(6.0)
    await stage.tracker.tick()
    assert (await stage.job(job_id)).state is JobState.EXPIRED
    assert await stage.claim() == []


async def test_a_full_disk_loses_nothing_and_passes(stage: Stage) -> None:
    job_id = await stage.submit()
    stage.store.next_failure = StorageFullError()
    with pytest.raises(StorageFullError):
        await stage.claim()
    (grant,) = await stage.claim()
    assert grant["job_id"] == job_id


class TestPartitions:
    """A job over three partitions in two passes."""

    @pytest.fixture
    async def grant(self, stage: Stage, dataset: dict[str, Any]) -> Grant:
        await stage.tracker.add_dataset(TENANT, dataset, None)
        await stage.submit(dataset_id=dataset["id"], n_partitions=3, n_passes=2)
        (grant,) = await stage.claim(ALICE)
        return grant

    async def advance(self, stage: Stage, grant: Grant, worker: WorkerInfo = ALICE, **what: Any) -> Any:
        given = {
            "role": "owner" if worker is ALICE else "helper",
            "done": [],
            "merged": None,
            "n_wanted": 1,
            "wait_s": 0.0,
        }
        return await stage.tracker.advance(worker, grant["job_id"], grant["fence"], **{**given, **what})

    async def test_the_owner_and_a_helper_share_the_partitions(self, stage: Stage, grant: Grant) -> None:
        mine = await self.advance(stage, grant)
        assert (mine["do"], mine["partitions"]) == ("partitions", [0])
        (help_,) = await stage.claim(BOB)
        assert (help_["role"], help_["job_id"]) == ("helper", grant["job_id"])
        his = await self.advance(stage, grant, BOB)
        assert his["partitions"] == [1]
        mine = await self.advance(stage, grant, done=[(0, 0, "s00")])
        assert mine["partitions"] == [2]
        mine = await self.advance(stage, grant, done=[(0, 2, "s02")])
        assert mine["do"] == "wait"
        his = await self.advance(stage, grant, BOB, done=[(0, 1, "s01")])
        assert his["do"] == "leave"
        mine = await self.advance(stage, grant)
        assert (mine["do"], mine["states"]) == ("merge", ["s00", "s01", "s02"])
        mine = await self.advance(stage, grant, merged=(0, "m0"), n_wanted=3)
        assert (mine["pass_number"], mine["partitions"], mine["earlier"]) == (1, [0, 1, 2], ["m0"])
        mine = await self.advance(stage, grant, done=[(1, 0, "a"), (1, 1, "b"), (1, 2, "c")])
        assert (mine["do"], mine["states"], mine["earlier"]) == ("finish", ["a", "b", "c"], ["m0"])

    async def test_a_merged_state_that_is_told_again_is_not_taken_for_one_of_the_next_pass(
        self, stage: Stage, grant: Grant
    ) -> None:
        await self.advance(stage, grant, n_wanted=3)
        await self.advance(stage, grant, done=[(0, n, f"s{n}") for n in range(3)])
        for _ in range(2):
            step = await self.advance(stage, grant, merged=(0, "m0"), n_wanted=3)
            assert (step["do"], step["pass_number"], step["partitions"]) == ("partitions", 1, [0, 1, 2])
        points = {
            (p.pass_number, p.partition): p.state_hash for p in await stage.store.checkpoints(grant["job_id"])
        }
        assert (1, -1) not in points

    async def test_a_partition_that_a_helper_could_not_compute_is_open_again(
        self, stage: Stage, grant: Grant
    ) -> None:
        await stage.claim(BOB)
        await self.advance(stage, grant, BOB, n_wanted=3)
        assert (await self.advance(stage, grant))["do"] == "wait"
        await stage.claim(BOB)
        assert (await self.advance(stage, grant, n_wanted=3))["partitions"] == [0, 1, 2]

    async def test_partitions_of_a_silent_helper_come_back(self, stage: Stage, grant: Grant) -> None:
        await stage.claim(BOB)
        await self.advance(stage, grant, BOB, n_wanted=2)
        assert (await self.advance(stage, grant))["partitions"] == [2]
        for _ in range(2):
            stage.clock.advance(20.0)
            await stage.tracker.heartbeat(ALICE, leases=[(grant["job_id"], grant["fence"])], wait_s=0.0)
            await stage.tracker.tick()
        assert (await self.advance(stage, grant, done=[(0, 2, "s02")], n_wanted=3))["partitions"] == [0, 1]

    async def test_after_a_crash_only_missing_partitions_are_computed(
        self, stage: Stage, grant: Grant
    ) -> None:
        await self.advance(stage, grant, n_wanted=2)
        await self.advance(stage, grant, done=[(0, 0, "s00"), (0, 1, "s01")], n_wanted=0)
        await stage.restart()
        await stage.tracker.worker_gone(ALICE["id"])
        stage.clock.advance(60.0)
        await stage.tracker.tick()
        (again,) = await stage.claim(ALICE)
        step = await self.advance(stage, again, n_wanted=3)
        assert step["partitions"] == [2]

    async def test_a_stale_owner_is_sent_away(self, stage: Stage, grant: Grant) -> None:
        await stage.tracker.worker_gone(ALICE["id"])
        assert (await self.advance(stage, grant, done=[(0, 0, "x")]))["do"] == "stale"

    async def test_an_owner_hears_of_a_cancel_between_partitions(self, stage: Stage, grant: Grant) -> None:
        await stage.cancel(grant["job_id"])
        assert (await self.advance(stage, grant))["do"] == "cancel"

    async def test_an_owner_that_waits_for_others_hears_of_a_cancel_at_once(
        self, stage: Stage, grant: Grant
    ) -> None:
        await stage.claim(BOB)
        await self.advance(stage, grant, BOB, n_wanted=3)
        waiting = asyncio.create_task(self.advance(stage, grant, wait_s=60.0))
        await asyncio.sleep(0)
        await stage.cancel(grant["job_id"])
        assert (await waiting)["do"] == "cancel"

    async def test_a_helper_is_told_when_its_attempt_has_ended(self, stage: Stage, grant: Grant) -> None:
        helping = [(grant["job_id"], grant["fence"])]
        heard = await stage.tracker.heartbeat(BOB, leases=[], helping=helping, wait_s=0.0)
        assert heard["stale"] == []
        await stage.cancel(grant["job_id"])
        heard = await stage.tracker.heartbeat(BOB, leases=[], helping=helping, wait_s=60.0)
        assert heard["stale"] == [grant["job_id"]]

    async def test_a_dataset_in_use_is_not_deleted(
        self, stage: Stage, grant: Grant, dataset: dict[str, Any]
    ) -> None:
        with pytest.raises(DatasetInUseError):
            await stage.tracker.delete_dataset(TENANT, dataset["id"])
        await stage.cancel(grant["job_id"])
        await stage.report(grant, "cancelled")
        await stage.tracker.delete_dataset(TENANT, dataset["id"])
        assert await stage.store.dataset(TENANT, dataset["id"]) is None


@pytest.fixture
def dataset() -> dict[str, Any]:
    return {
        "id": new_dataset_id(),
        "name": "sales.csv",
        "format": "csv",
        "fingerprint": "f" * 64,
        "source_hash": "1" * 64,
        "table_hash": "2" * 64,
        "n_rows": 3,
        "n_bytes": 30,
        "created_at": 1.0,
        "columns": [{"name": "x", "type": "BIGINT", "role": "numeric"}],
        "partitions": [
            {"number": n, "first_row_group": n, "end_row_group": n + 1, "n_rows": 1} for n in range(3)
        ],
        "options": {},
        "warnings": [],
    }


async def test_the_feed_tells_of_every_event_once_and_resets_a_stranger(stage: Stage) -> None:
    start = await stage.tracker.feed(0, 0, 0.0)
    assert start["reset"]
    job_id = await stage.submit()
    (grant,) = await stage.claim()
    await stage.report(grant)
    page = await stage.tracker.feed(start["stream"], start["position"], 0.0)
    assert [(entry["job_id"], entry["seq"]) for entry in page["entries"]] == [(job_id, n) for n in (1, 2, 3)]
    again = await stage.tracker.feed(page["stream"], page["position"], 0.0)
    assert again["entries"] == []


async def test_a_job_whose_grant_got_lost_is_granted_again(stage: Stage) -> None:
    await stage.submit()
    (lost,) = await stage.claim(ALICE)
    (again,) = await stage.claim(ALICE)
    assert again == lost


async def test_a_claim_that_a_gone_worker_left_waiting_takes_nothing(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.tracker.claim(ALICE, max_jobs=1, batch_s=0.0, wait_s=60.0))
    await asyncio.sleep(0)
    await stage.tracker.worker_gone(ALICE["id"])
    await stage.submit()
    assert (await waiting)["grants"] == []
    assert len(await stage.claim(BOB)) == 1


async def test_a_worker_that_never_spoke_of_its_job_did_not_die_of_it(stage: Stage) -> None:
    job_id = await stage.submit(max_attempts=10)
    for _ in range(3):
        await stage.claim(ALICE)
        await stage.tracker.worker_gone(ALICE["id"])
        stage.clock.advance(60.0)
        await stage.tracker.tick()
    assert (await stage.job(job_id)).n_crashes == 0


async def test_a_job_whose_dataset_is_gone_is_refused(stage: Stage) -> None:
    with pytest.raises(DatasetNotFoundError):
        await stage.submit(dataset_id=new_dataset_id())


async def test_a_tracker_that_stood_still_blames_no_owner(stage: Stage) -> None:
    job_id = await stage.submit()
    await stage.claim()
    await stage.tracker.tick()
    stage.clock.advance(100.0)
    await stage.tracker.tick()
    assert (await stage.job(job_id)).state is JobState.RUNNING


async def test_refused_and_ended_jobs_leave_no_lock_behind(stage: Stage) -> None:
    job_id = await stage.submit("key")
    (grant,) = await stage.claim()
    await stage.report(grant)
    await stage.submit("key")
    with pytest.raises(InvalidTransitionError):
        await stage.cancel(job_id)
    assert len(stage.tracker._locks) == 0


async def test_metrics_count_what_happened(stage: Stage) -> None:
    await stage.submit()
    (grant,) = await stage.claim()
    await stage.report(grant)
    text = (await stage.tracker.exposition()).decode()
    assert 'prismlane_jobs_accepted_total{analysis="noop"} 1.0' in text
    assert 'prismlane_jobs_ended_total{analysis="noop",reason="",state="succeeded"} 1.0' in text
