"""The StateTracker: the event manager, and the only writer of job state."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from prismlane.actors.feed import Feed
from prismlane.actors.messages import (
    Accepted,
    CancelOrder,
    Claimed,
    FeedPage,
    Grant,
    Heard,
    Outcome,
    Step,
    Submission,
    WorkerInfo,
)
from prismlane.actors.roster import Roster
from prismlane.actors.tracker_metrics import TrackerMetrics
from prismlane.common.clock import Clock
from prismlane.common.errors import (
    ConflictError,
    DatasetInUseError,
    DatasetNotFoundError,
    IdempotencyMismatchError,
    InvalidTransitionError,
    JobNotFoundError,
    OverloadedError,
    PrismlaneError,
    StaleEpochError,
    StaleFenceError,
)
from prismlane.common.logs import logger
from prismlane.common.settings import TrackerSettings
from prismlane.common.states import FailureReason, JobState
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import decisions
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.book import Decision, JobBook
from prismlane.engine.jobs.model import Job
from prismlane.engine.jobs.transitions import spec_to_dict
from prismlane.engine.ports import Change, Checkpoint, IdempotencyKey, Store, Transaction
from prismlane.engine.storage.group_commit import GroupCommit

_log = logger("tracker")

#: The longest that the tracker sleeps between looks at leases and timers, in seconds.
TICK_S = 0.25
#: How long a timer is put off whose event could not be written, in seconds.
TIMER_PAUSE_S = 1.0


class StateTracker:
    """Takes commands, decides by the pure core, writes, and only then tells.

    One event of a job at a time: a lock a job is held from the decision until its memory is up to date, so the disk and
    the memory never disagree about the order. Nobody hears of an event before it is durable.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: TrackerSettings,
        jitter: Callable[[], float],
        on_deposed: Callable[[], None],
    ) -> None:
        """Build the tracker; `start` recovers and opens it.

        Args:
            store: the truth.
            clock: wall and monotonic time.
            settings: leases, heartbeats, limits.
            jitter: uniform random numbers in [0, 1), for back-off.
            on_deposed: called once when a newer tracker has taken over the store; must end this process.
        """
        self._store = store
        self._clock = clock
        self._settings = settings
        self._jitter = jitter
        self._on_deposed = on_deposed
        self._writes = GroupCommit(store)
        self._book = JobBook(lease_s=settings.lease_s)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._roster = Roster(clock)
        self._datasets: dict[str, Dataset] = {}
        self._creating: dict[tuple[str, str, str], asyncio.Event] = {}
        self._work = asyncio.Event()
        self._waiting_for_end: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._progress: dict[str, dict[str, Any]] = {}
        self._feed = Feed(0)
        self.metrics = TrackerMetrics()
        self._ticker: asyncio.Task[None] | None = None

    # --- life ----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take over the store, fold what is unfinished, adopt what still runs, and begin to tick."""
        epoch = await self._store.take_over()
        jobs = await self._store.unfinished_jobs()
        checkpoints = {
            job.id: {
                (point.pass_number, point.partition): point.state_hash
                for point in await self._store.checkpoints(job.id)
            }
            for job in jobs
            if job.spec.n_partitions * job.spec.n_passes > 1
        }
        told = self._book.load(jobs, checkpoints, self._clock.now(), self._clock.monotonic())
        self._feed = Feed(epoch)
        self._act(told)
        for job in jobs:
            await self._revisit_dependencies(job)
        self._ticker = asyncio.create_task(self._tick_for_ever())
        _log.info("tracker ready", epoch=epoch, unfinished=len(jobs))

    async def stop(self) -> None:
        """Write what is under way, and close the store."""
        if self._ticker is not None:
            self._ticker.cancel()
        await self._writes.close()
        await self._store.close()

    async def ping(self) -> dict[str, Any]:
        """A sign of life."""
        return {"epoch": self._store.epoch}

    # --- commands of clients ---------------------------------------------------------------------------

    async def submit(self, submission: Submission, wait_s: float = 0.0) -> Accepted:
        """Accept a job: when this returns, the job and its first event are on disk (G1).

        A submission that is repeated, because its answer was lost, is known by its job id.

        Args:
            submission: the job.
            wait_s: how long to wait for the job to end, at most.

        Raises:
            IdempotencyMismatchError: the key was used before with another request.
            OverloadedError: as many jobs wait as may.
        """
        asked = submission.get("idempotency")
        if asked is None:
            accepted = await self._accept(submission, None)
        else:
            name = (submission["tenant"], asked["route"], asked["key"])
            key = IdempotencyKey(
                *name, asked["fingerprint"], submission["job_id"], created_at=self._clock.now()
            )
            accepted = await self._once(name, key, lambda: self._accept(submission, key))
        if wait_s > 0:
            await self._wait_for_end(accepted["created_id"], wait_s)
        return accepted

    async def cancel(self, tenant: str, job_id: str, *, force: bool, grace_s: float, reason: str) -> None:
        """Cancel a job: when this returns it is cancelled, or its owner has been told and it cannot succeed any more (G7).

        Raises:
            JobNotFoundError: this tenant has no such job.
            InvalidTransitionError: it has ended otherwise than cancelled.
        """
        job = await self._job_of(tenant, job_id)
        if job.is_terminal:
            decisions.cancel(job, force=force, grace_s=grace_s, reason=reason, now=self._clock.now())
            return
        await self._record(
            job_id,
            lambda job: decisions.cancel(
                job, force=force, grace_s=grace_s, reason=reason, now=self._clock.now()
            ),
        )

    async def add_dataset(
        self, tenant: str, dataset: Mapping[str, Any], idempotency: Mapping[str, str] | None
    ) -> Accepted:
        """Record a dataset version."""
        made = Dataset.from_dict(dataset)

        async def write(key: IdempotencyKey | None) -> Accepted:
            await self._write(Transaction(datasets=[(tenant, made)], keys=[key] if key is not None else []))
            return Accepted(created_id=made.id, created=True)

        if idempotency is None:
            return await write(None)
        name = (tenant, idempotency["route"], idempotency["key"])
        key = IdempotencyKey(*name, idempotency["fingerprint"], made.id, created_at=self._clock.now())
        return await self._once(name, key, lambda: write(key))

    async def delete_dataset(self, tenant: str, dataset_id: str) -> None:
        """Forget a dataset.

        Raises:
            DatasetNotFoundError: this tenant has no such dataset.
            DatasetInUseError: an unfinished job reads it.
        """
        if await self._store.dataset(tenant, dataset_id) is None:
            raise DatasetNotFoundError(f"there is no dataset {dataset_id}")
        users = [job.id for job in self._book if job.spec.dataset_id == dataset_id]
        if users:
            raise DatasetInUseError(
                f"{len(users)} unfinished jobs read {dataset_id}, e.g. {users[0]}",
                facts={"jobs": users[:10], "n_jobs": len(users)},
            )
        await self._write(Transaction(deleted_datasets=[(tenant, dataset_id)]))
        self._datasets.pop(dataset_id, None)

    # --- commands of workers ---------------------------------------------------------------------------

    async def claim(
        self,
        worker: WorkerInfo,
        *,
        max_jobs: int,
        batch_s: float,
        wait_s: float,
        outcomes: Sequence[Outcome] = (),
    ) -> Claimed:
        """Take `outcomes` of finished attempts, and give out work; waits up to `wait_s` for some.

        Several small jobs come at once where their expected time stays within `batch_s`. `max_jobs` 0 only reports.
        """
        self._roster.saw(worker)
        taken = list(await asyncio.gather(*(self._settle_attempt(outcome) for outcome in outcomes)))
        if max_jobs <= 0:
            return Claimed(grants=[], taken=taken)
        deadline = self._clock.monotonic() + wait_s
        while True:
            if self._roster.is_dismissed(worker["id"]):
                return Claimed(grants=[], taken=taken)
            news = self._work
            grants = await self._grants(worker["id"], max_jobs, batch_s)
            left_s = deadline - self._clock.monotonic()
            if grants or left_s <= 0:
                return Claimed(grants=grants, taken=taken)
            try:
                await asyncio.wait_for(news.wait(), left_s)
            except TimeoutError:
                return Claimed(grants=[], taken=taken)

    async def advance(
        self,
        worker: WorkerInfo,
        job_id: str,
        fence: int,
        *,
        role: str,
        done: Sequence[tuple[int, int, str]],
        merged: str | None,
        n_wanted: int,
        wait_s: float,
    ) -> Step:
        """Take finished partitions (pass, partition, hash of the state) and say what comes next.

        Args:
            worker: who asks.
            job_id: the job.
            fence: of the attempt that the partitions belong to.
            role: `owner` or `helper`.
            done: partitions that are computed; written before anything else is said.
            merged: hash of the merged state of the pass that is complete, from its owner.
            n_wanted: how many partitions to give out at most.
            wait_s: how long to wait for others where there is nothing to do.
        """
        self._roster.saw(worker)
        deadline = self._clock.monotonic() + wait_s
        await self._checkpoint(worker["id"], job_id, fence, done, merged)
        while True:
            news = self._work
            step = self._next_step(worker["id"], job_id, fence, role, n_wanted)
            left_s = deadline - self._clock.monotonic()
            if step["do"] != "wait" or left_s <= 0:
                return step
            try:
                await asyncio.wait_for(news.wait(), left_s)
            except TimeoutError:
                return step

    async def heartbeat(
        self,
        worker: WorkerInfo,
        *,
        leases: Sequence[tuple[str, int]],
        helping: Sequence[tuple[str, int]] = (),
        wait_s: float,
    ) -> Heard:
        """Renew `leases` (job, fence) at once, then wait up to `wait_s` for something to tell the worker.

        `helping` are the attempts of others that the worker computes partitions for.
        """
        self._roster.saw(worker)
        mono = self._clock.monotonic()
        stale = [job_id for job_id, fence in leases if not self._book.leases.renew(job_id, fence, mono)]
        stale += [job_id for job_id, fence in helping if not self._runs(job_id, fence)]
        orders = await self._roster.orders(worker["id"], 0.0 if stale else wait_s)
        return Heard(cancel=orders, stale=stale)

    async def leave(self, worker: WorkerInfo) -> None:
        """Give `worker` no more work; its claim that waits is answered at once."""
        self._roster.dismiss(worker["id"])
        self._wake_workers()

    async def progress(self, job_id: str, fence: int, progress: Mapping[str, Any]) -> None:
        """Take the latest word of how far an attempt is."""
        if self._runs(job_id, fence):
            self._take_progress(job_id, progress)

    async def worker_gone(self, worker_id: str) -> None:
        """The process of this incarnation is known to have ended: do not wait for its leases."""
        self._roster.forget(worker_id)
        self._book.give_back(worker_id)
        for lease in self._book.leases.of_worker(worker_id):
            await self._lose(lease.job_id, lease.fence, worker_id)
        self._wake_workers()

    # --- questions -------------------------------------------------------------------------------------

    async def feed(self, stream: int, after: int, wait_s: float) -> FeedPage:
        """What is new since position `after` of `stream`."""
        return await self._feed.page(stream, after, wait_s)

    async def progress_of(self, tenant: str, job_id: str) -> dict[str, Any] | None:
        """The latest word of how far a running job is."""
        job = self._book.find(job_id)
        return self._progress.get(job_id) if job is not None and job.tenant == tenant else None

    async def status(self) -> dict[str, Any]:
        """Who works, and how much waits."""
        return {
            "epoch": self._store.epoch,
            "workers": self._roster.views(self._book.leases),
            "n_queued": self._book.n_queued,
            "n_running": self._book.n_running,
        }

    async def exposition(self) -> bytes:
        """The tracker's metrics in Prometheus's text format."""
        self.metrics.n_queued.set(self._book.n_queued)
        self.metrics.n_running.set(self._book.n_running)
        self.metrics.n_workers.set(self._roster.n_workers)
        self.metrics.count_commits(self._writes.n_commits, self._writes.n_transactions)
        return self.metrics.exposition()

    # --- the one way to change a job ---------------------------------------------------------------------

    async def _record(self, job_id: str, decide: Callable[[Job], ev.JobEvent | None]) -> Job:
        """Decide, write, remember, act. `decide` sees the job as it is, with no other event under way."""
        async with self._locks[job_id]:
            job = self._book.job(job_id)
            event = decide(job)
            if event is None:
                return job
            decision = self._book.preview(job_id, event)
            await self._write(Transaction(changes=[Change(decision.job, event)]))
            self._remember(decision)
        await self._revisit_waiting(decision.job)
        return decision.job

    async def _accept(self, submission: Submission, key: IdempotencyKey | None) -> Accepted:
        job_id = submission["job_id"]
        async with self._locks[job_id]:
            if self._book.find(job_id) is not None:
                return Accepted(created_id=job_id, created=False)
            if self._book.n_queued >= self._settings.max_queued:
                raise OverloadedError(f"{self._book.n_queued} jobs wait already", retry_after_s=10.0)
            event = ev.JobAccepted(
                at=self._clock.now(),
                job_id=job_id,
                tenant=submission["tenant"],
                spec=submission["spec"],
            )
            decision = self._book.preview_accept(event)
            keys = [key] if key is not None else []
            try:
                await self._write(Transaction(changes=[Change(decision.job, event)], keys=keys))
            except ConflictError:
                # Looked up only now: nearly every id is new, and a read before each write would cost as much as the write.
                if await self._store.job(submission["tenant"], job_id) is None:
                    raise
                self._locks.pop(job_id, None)
                return Accepted(created_id=job_id, created=False)
            self._remember(decision)
        await self._revisit_dependencies(decision.job)
        return Accepted(created_id=job_id, created=True)

    def _remember(self, decision: Decision) -> None:
        now, mono = self._clock.now(), self._clock.monotonic()
        self._act(self._book.commit(decision, now, mono))
        self._feed.publish(decision.job)
        self.metrics.count_event(decision.job, decision.event)
        if decision.job.state is not JobState.RUNNING:
            self._progress.pop(decision.job.id, None)
            # It waits for a worker, has freed what another job waits for, or its owner waits in vain for partitions.
            self._wake_workers()
        if decision.job.is_terminal:
            self._locks.pop(decision.job.id, None)
            for waiting in self._waiting_for_end.pop(decision.job.id, ()):
                waiting.set()

    def _act(self, commands: Iterable[do.Command]) -> None:
        for command in commands:
            if isinstance(command, do.TellOwner):
                self._tell_owner(command)

    async def _write(self, transaction: Transaction) -> None:
        try:
            await self._writes.write(transaction)
        except StaleEpochError:
            _log.error("a newer tracker has taken over the store: this one ends")
            self._on_deposed()
            raise

    async def _once(
        self,
        name: tuple[str, str, str],
        key: IdempotencyKey,
        create: Callable[[], Awaitable[Accepted]],
    ) -> Accepted:
        """Create once for all equal requests, also those that come while the first is under way (G2)."""
        while (under_way := self._creating.get(name)) is not None:
            await under_way.wait()
        done = self._creating[name] = asyncio.Event()
        try:
            return await create()
        except ConflictError:
            stored = await self._store.idempotency_key(*name)
            if stored is None:
                raise
            if stored.fingerprint != key.fingerprint:
                raise IdempotencyMismatchError(
                    f"the idempotency key {key.key!r} was used before for another request, which made {stored.created_id}",
                    facts={"created": stored.created_id},
                ) from None
            return Accepted(created_id=stored.created_id, created=False)
        finally:
            del self._creating[name]
            done.set()

    async def _wait_for_end(self, job_id: str, wait_s: float) -> None:
        if self._book.find(job_id) is None:
            return
        ended = asyncio.Event()
        self._waiting_for_end[job_id].append(ended)
        try:
            async with asyncio.timeout(wait_s):
                await ended.wait()
        except TimeoutError:
            waiting = self._waiting_for_end.get(job_id, [])
            if ended in waiting:
                waiting.remove(ended)
            if not waiting:
                self._waiting_for_end.pop(job_id, None)

    # --- attempts --------------------------------------------------------------------------------------

    async def _grants(self, worker_id: str, max_jobs: int, batch_s: float) -> list[Grant]:
        claimed = self._book.next_claims(worker_id, max_jobs, batch_s)
        made = await asyncio.gather(*(self._grant(job_id, worker_id) for job_id in claimed))
        grants = [grant for grant in made if grant is not None]
        if grants or claimed:
            return grants
        for job_id in self._book.helpable(worker_id):
            job = self._book.job(job_id)
            fence = job.owner_fence
            if job.state is JobState.RUNNING and fence is not None:
                return [await self._describe(job, fence, "helper")]
        return []

    async def _grant(self, job_id: str, worker_id: str) -> Grant | None:
        try:
            job = await self._record(
                job_id,
                lambda job: ev.AttemptClaimed(at=self._clock.now(), worker=worker_id, fence=job.fence + 1),
            )
        except (InvalidTransitionError, JobNotFoundError):
            # Cancelled or expired between the queue and its lock: there is nothing to run.
            self._book.unclaim(job_id)
            return None
        except PrismlaneError:
            self._book.unclaim(job_id)
            raise
        if job.spec.n_partitions > 1:
            self._wake_workers()
        return await self._describe(job, job.fence, "owner")

    async def _describe(self, job: Job, fence: int, role: str) -> Grant:
        dataset = await self._dataset(job)
        return Grant(
            job_id=job.id,
            tenant=job.tenant,
            role="owner" if role == "owner" else "helper",
            attempt=job.attempt.number if job.attempt else 0,
            fence=fence,
            spec=spec_to_dict(job.spec),
            dataset=dataset.to_dict() if dataset is not None else None,
        )

    async def _dataset(self, job: Job) -> Dataset | None:
        dataset_id = job.spec.dataset_id
        if dataset_id is None:
            return None
        if dataset_id not in self._datasets:
            found = await self._store.dataset(job.tenant, dataset_id)
            if found is None:
                raise DatasetNotFoundError(f"{job.id} reads {dataset_id}, which is gone")
            if len(self._datasets) >= 1024:
                self._datasets.pop(next(iter(self._datasets)))
            self._datasets[dataset_id] = found
        return self._datasets[dataset_id]

    async def _settle_attempt(self, outcome: Outcome) -> bool:
        """Write how an attempt ended. False: it was not the owner any more, and nothing was written (G4, G5)."""
        job_id, fence = outcome["job_id"], outcome["fence"]
        try:
            job = await self._record(job_id, lambda job: self._end_of(job, outcome))
        except JobNotFoundError:
            return await self._was_taken(outcome)
        except (InvalidTransitionError, StaleFenceError) as refused:
            _log.warning("late outcome refused", job=job_id, fence=fence, detail=refused.detail)
            self.metrics.n_stale.inc()
            return False
        if "took_s" in outcome:
            self._book.learn(job.spec.analysis, outcome["took_s"])
        return True

    def _end_of(self, job: Job, outcome: Outcome) -> ev.JobEvent:
        now, fence = self._clock.now(), outcome["fence"]
        if fence != job.owner_fence:
            raise StaleFenceError(f"fence {fence} does not own {job.id}")
        match outcome["kind"]:
            case "succeeded":
                return decisions.attempt_succeeded(
                    job, fence, outcome["result_hash"], outcome["result_bytes"], now
                )
            case "released":
                return decisions.attempt_released(job, fence, now)
            case "cancelled" | "failed":
                return decisions.attempt_failed(
                    job,
                    fence,
                    FailureReason(outcome.get("reason", FailureReason.ERROR)),
                    outcome.get("error", {}),
                    retryable=outcome.get("retryable", False),
                    crashed=outcome.get("crashed", False),
                    now=now,
                    jitter=self._jitter(),
                )

    async def _was_taken(self, outcome: Outcome) -> bool:
        """Whether this outcome was written before and only the answer got lost."""
        if outcome["kind"] != "succeeded":
            return False
        job = await self._store.job(outcome["tenant"], outcome["job_id"])
        return (
            job is not None
            and job.state is JobState.SUCCEEDED
            and job.fence == outcome["fence"]
            and job.result_hash == outcome["result_hash"]
        )

    async def _lose(self, job_id: str, fence: int, worker_id: str) -> None:
        def lost(job: Job) -> ev.JobEvent | None:
            if job.owner_fence != fence:
                return None
            return decisions.attempt_failed(
                job,
                fence,
                FailureReason.LOST,
                {
                    "code": "worker-lost",
                    "detail": f"the worker {worker_id} was lost while it ran the job",
                },
                retryable=True,
                crashed=True,
                now=self._clock.now(),
                jitter=self._jitter(),
            )

        try:
            await self._record(job_id, lost)
        except PrismlaneError as error:
            # It ended by itself, or it cannot be written now: then its lease is still there, and still out of date.
            _log.warning("lost attempt not ended", job=job_id, fence=fence, code=error.code)

    def _tell_owner(self, command: do.TellOwner) -> None:
        job = self._book.job(command.job_id)
        if job.attempt is None or job.cancel is None:
            return
        self._roster.order(
            job.attempt.worker,
            CancelOrder(
                job_id=job.id,
                fence=command.fence,
                force=job.cancel.force,
                grace_s=job.cancel.grace_s,
            ),
        )

    # --- partitions ------------------------------------------------------------------------------------

    async def _checkpoint(
        self,
        worker_id: str,
        job_id: str,
        fence: int,
        done: Sequence[tuple[int, int, str]],
        merged: str | None,
    ) -> None:
        """Write finished partitions, unless the attempt with this fence does not run any more."""
        if not self._runs(job_id, fence):
            return
        pass_number = self._book.partitions(job_id).current_pass
        points = [Checkpoint(job_id, *point) for point in done]
        if merged is not None:
            points.append(Checkpoint(job_id, pass_number, -1, merged))
        if not points:
            return
        await self._write(Transaction(checkpoints=points))
        if not self._runs(job_id, fence):
            return
        book = self._book.partitions(job_id)
        for pass_, partition, state_hash in done:
            book.finish(worker_id, pass_, partition, state_hash)
        if merged is not None and book.current_pass == pass_number and book.is_pass_complete:
            book.open_next_pass(merged)
        self._take_progress(
            job_id,
            {
                "done": book.n_done,
                "total": book.n_total,
                "phase": f"pass {book.current_pass + 1} of {book.n_passes}",
            },
        )
        self._wake_workers()

    def _next_step(self, worker_id: str, job_id: str, fence: int, role: str, n_wanted: int) -> Step:
        if not self._runs(job_id, fence):
            job = self._book.find(job_id)
            ending = job is not None and job.owner_fence == fence
            return _step("cancel" if ending else "stale")
        book = self._book.partitions(job_id)
        pass_number, earlier = book.current_pass, book.merged
        partitions = book.take(worker_id, n_wanted)
        if partitions:
            return _step("partitions", pass_number, partitions=partitions, earlier=earlier)
        if role != "owner":
            return _step("leave", pass_number)
        if not book.is_pass_complete:
            return _step("wait", pass_number)
        last = pass_number == book.n_passes - 1
        return _step(
            "finish" if last else "merge",
            pass_number,
            states=book.states(pass_number),
            earlier=earlier,
        )

    def _runs(self, job_id: str, fence: int) -> bool:
        job = self._book.find(job_id)
        return job is not None and job.state is JobState.RUNNING and job.owner_fence == fence

    def _take_progress(self, job_id: str, progress: Mapping[str, Any]) -> None:
        job = self._book.find(job_id)
        if job is not None and job.state is JobState.RUNNING:
            self._progress[job_id] = dict(progress)
            self._feed.publish_progress(job, self._progress[job_id])

    # --- time ------------------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(self._until_next_tick_s())

    async def tick(self) -> None:
        """Do what time asks for: timers that are due, leases that have run out, workers that went silent."""
        mono = self._clock.monotonic()
        for job_id, kind in self._book.timers.pop_due(mono):
            await self._fire(job_id, kind)
        for lease in self._book.leases.expired(mono):
            _log.warning("lease ran out", job=lease.job_id, fence=lease.fence, worker=lease.worker)
            await self._lose(lease.job_id, lease.fence, lease.worker)
        for worker_id in self._roster.silent_for(self._settings.lease_s):
            self._roster.forget(worker_id)
            self._book.give_back(worker_id)
            self._wake_workers()

    async def _fire(self, job_id: str, kind: do.TimerKind) -> None:
        try:
            job = await self._record(job_id, lambda job: decisions.timer_fired(job, kind, self._clock.now()))
            await self._revisit_dependencies(job)
        except JobNotFoundError:
            return
        except PrismlaneError as error:
            # The disk is full, say: what is due stays due.
            _log.warning("timer put off", job=job_id, kind=kind, code=error.code, detail=error.detail)
            self._book.timers.set(job_id, kind, self._clock.monotonic() + TIMER_PAUSE_S)

    def _until_next_tick_s(self) -> float:
        due = self._book.timers.next_due()
        if due is None:
            return TICK_S
        return min(TICK_S, max(0.0, due - self._clock.monotonic()))

    def _wake_workers(self) -> None:
        self._work.set()
        self._work = asyncio.Event()

    # --- jobs that wait on jobs --------------------------------------------------------------------------

    async def _revisit_waiting(self, ended: Job) -> None:
        if ended.is_terminal:
            for job in list(self._book.waiting_on(ended.id)):
                await self._revisit_dependencies(job)

    async def _revisit_dependencies(self, job: Job) -> None:
        if job.state is not JobState.WAITING:
            return
        states = {}
        for dependency in job.spec.waits_on:
            found = self._book.find(dependency) or await self._store.job(job.tenant, dependency)
            if found is not None:
                states[dependency] = found.state
        try:
            await self._record(
                job.id,
                lambda job: self._book.dependencies_changed(job.id, states, self._clock.now()),
            )
        except JobNotFoundError:
            return

    async def _job_of(self, tenant: str, job_id: str) -> Job:
        job = self._book.find(job_id) or await self._store.job(tenant, job_id)
        if job is None or job.tenant != tenant:
            raise JobNotFoundError(f"there is no job {job_id}")
        return job


def _step(
    what: Any,
    pass_number: int = 0,
    *,
    partitions: Sequence[int] = (),
    states: Sequence[str] = (),
    earlier: Sequence[str] = (),
) -> Step:
    return Step(
        do=what,
        pass_number=pass_number,
        partitions=list(partitions),
        states=list(states),
        earlier=list(earlier),
    )
