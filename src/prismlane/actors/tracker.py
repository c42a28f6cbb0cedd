"""The StateTracker: the event manager, and the only writer of job state."""

import asyncio
from collections import Counter, OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

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
from prismlane.engine.jobs.model import Attempt, Job
from prismlane.engine.jobs.partitions import MERGED
from prismlane.engine.jobs.transitions import spec_to_dict
from prismlane.engine.ports import (
    KEY_RETENTION_S,
    Change,
    Checkpoint,
    IdempotencyKey,
    Store,
    Transaction,
)
from prismlane.engine.storage.group_commit import GroupCommit

_log = logger("tracker")

#: The longest that the tracker sleeps between looks at leases and timers, in seconds.
TICK_S = 0.25
#: Idempotency keys that need no look into the store.
KEYS_REMEMBERED = 100_000
#: Timers that share a commit.
TIMERS_AT_ONCE = 256
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
        self._datasets: dict[tuple[str, str], Dataset] = {}
        self._creating: dict[tuple[str, str, str], asyncio.Event] = {}
        self._keys: OrderedDict[tuple[str, str, str], IdempotencyKey] = OrderedDict()
        self._work = asyncio.Event()
        self._waiting_for_end: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self._progress: dict[str, dict[str, Any]] = {}
        #: Attempts (job, fence) that their owner has spoken of.
        self._heard_of: set[tuple[str, int]] = set()
        #: Datasets that submissions under way read.
        self._asked_for: Counter[str | None] = Counter()
        self._ticked_at = clock.monotonic()
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
            DatasetNotFoundError: the dataset that it reads is gone.
            IdempotencyMismatchError: the key was used before with another request.
            OverloadedError: there are as many unfinished jobs as may be.
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

        def decide(job: Job) -> ev.JobEvent | None:
            return decisions.cancel(job, force=force, grace_s=grace_s, reason=reason, now=self._clock.now())

        job = await self._job_of(tenant, job_id)
        if not job.is_terminal:
            try:
                await self._record(job_id, decide)
            except JobNotFoundError:
                # It ended in the meantime: what that means for this request is decided as for any ended job.
                job = await self._job_of(tenant, job_id)
        if job.is_terminal:
            decide(job)

    async def add_dataset(
        self, tenant: str, dataset: Mapping[str, Any], idempotency: Mapping[str, str] | None
    ) -> Accepted:
        """Record a dataset version."""
        made = Dataset.from_dict(dataset)

        async def write(key: IdempotencyKey | None) -> Accepted:
            keys = [key] if key is not None else []
            try:
                await self._write(Transaction(datasets=[(tenant, made)], keys=keys))
            except ConflictError:
                if await self._store.dataset(tenant, made.id) is None:
                    raise
                # Recorded before, by a call whose answer got lost.
                return Accepted(created_id=made.id, created=False)
            return Accepted(created_id=made.id, created=True)

        if idempotency is None:
            return await write(None)
        name = (tenant, idempotency["route"], idempotency["key"])
        key = IdempotencyKey(*name, idempotency["fingerprint"], made.id, created_at=self._clock.now())
        return await self._once(name, key, lambda: write(key))

    async def delete_dataset(self, tenant: str, dataset_id: str) -> None:
        """Forget a dataset; one that is gone already is no error, since the answer to a first call may have got lost.

        Raises:
            DatasetInUseError: an unfinished job reads it.
        """
        users = [job.id for job in self._book if job.spec.dataset_id == dataset_id]
        n_users = len(users) + self._asked_for[dataset_id]
        if n_users:
            raise DatasetInUseError(
                f"{n_users} unfinished jobs read {dataset_id}",
                facts={"jobs": users[:10], "n_jobs": n_users},
            )
        await self._write(Transaction(deleted_datasets=[(tenant, dataset_id)]))
        self._datasets.pop((tenant, dataset_id), None)

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

        Several small jobs come at once where their expected time stays within `batch_s`. `max_jobs` 0 only reports; any
        other number says that the worker holds nothing any more, besides `outcomes`: jobs that were granted to it in an
        answer that got lost are granted again.
        """
        self._roster.saw(worker)
        taken = list(await asyncio.gather(*(self._settle_attempt(outcome) for outcome in outcomes)))
        if max_jobs <= 0:
            return Claimed(grants=[], taken=taken)
        # An answer that tells that outcomes were taken does not wait: until then the worker keeps their leases alive.
        deadline = self._clock.monotonic() + (0.0 if outcomes else wait_s)
        self._book.give_back(worker["id"])
        while True:
            news = self._work
            if not self._roster.may_work(worker["id"]):
                return Claimed(grants=[], taken=taken)
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
        merged: tuple[int, str] | None,
        n_wanted: int,
        wait_s: float,
    ) -> Step:
        """Take finished partitions (pass, partition, hash of the state) and say what comes next.

        Who asks holds no partition besides those that are `done`: what was given out in an answer that got lost, or
        failed, is open again.

        Args:
            worker: who asks.
            job_id: the job.
            fence: of the attempt that the partitions belong to.
            role: `owner` or `helper`.
            done: partitions that are computed; written before anything else is said.
            merged: a pass that is complete and the hash of its merged state, from its owner.
            n_wanted: how many partitions to give out at most.
            wait_s: how long to wait for others where there is nothing to do.
        """
        self._roster.saw(worker)
        if self._runs(job_id, fence):
            self._heard_of.add((job_id, fence))
        deadline = self._clock.monotonic() + wait_s
        await self._checkpoint(worker["id"], job_id, fence, done, merged)
        if self._runs(job_id, fence):
            self._book.partitions(job_id).give_back(worker["id"])
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
        renewed = [
            (job_id, fence) for job_id, fence in leases if self._book.leases.renew(job_id, fence, mono)
        ]
        self._heard_of.update(renewed)
        stale = [job_id for job_id, fence in leases if (job_id, fence) not in renewed]
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
        async with self._alone(job_id):
            job = self._book.job(job_id)
            event = decide(job)
            if event is None:
                return job
            decision = self._book.preview(job_id, event)
            await self._write(Transaction(changes=[Change(decision.job, event)]))
            self._remember(decision)
        await self._revisit_waiting(decision.job)
        return decision.job

    @asynccontextmanager
    async def _alone(self, job_id: str) -> AsyncIterator[None]:
        """No other event of this job is under way in the block. Locks are kept of jobs that have not ended only."""
        lock = self._locks[job_id]
        try:
            async with lock:
                yield
        finally:
            if job_id not in self._book and not lock.locked() and self._locks.get(job_id) is lock:
                del self._locks[job_id]

    async def _accept(self, submission: Submission, key: IdempotencyKey | None) -> Accepted:
        job_id = submission["job_id"]
        async with self._alone(job_id):
            if self._book.find(job_id) is not None:
                return Accepted(created_id=job_id, created=False)
            if len(self._book) >= self._settings.max_unfinished:
                raise OverloadedError(f"{len(self._book)} jobs have not ended yet", retry_after_s=10.0)
            event = ev.JobAccepted(
                at=self._clock.now(),
                job_id=job_id,
                tenant=submission["tenant"],
                spec=submission["spec"],
            )
            decision = self._book.preview_accept(event)
            keys = [key] if key is not None else []
            dataset_id = decision.job.spec.dataset_id
            self._asked_for[dataset_id] += 1
            try:
                await self._dataset(submission["tenant"], dataset_id)
                await self._write(Transaction(changes=[Change(decision.job, event)], keys=keys))
            except ConflictError:
                # Looked up only now: nearly every id is new, and a read before each write would cost as much as the write.
                if await self._store.job(submission["tenant"], job_id) is None:
                    raise
                return Accepted(created_id=job_id, created=False)
            finally:
                self._asked_for[dataset_id] -= 1
                if not self._asked_for[dataset_id]:
                    del self._asked_for[dataset_id]
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
            if decision.job.owner_fence is None:
                self._heard_of.discard((decision.job.id, decision.job.fence))
            # It waits for a worker, has freed what another job waits for, or its owner waits in vain for partitions.
            self._wake_workers()
        if decision.job.is_terminal:
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
        known = self._keys.get(name)
        if known is not None and self._clock.now() - known.created_at < KEY_RETENTION_S:
            return _replayed(known, key)
        done = self._creating[name] = asyncio.Event()
        try:
            accepted = await create()
        except ConflictError:
            # Looked up only now: a key that is not among the latest is nearly always a new one.
            stored = await self._store.idempotency_key(*name)
            if stored is None:
                raise
            self._remember_key(name, stored)
            return _replayed(stored, key)
        else:
            self._remember_key(name, key)
            return accepted
        finally:
            del self._creating[name]
            done.set()

    def _remember_key(self, name: tuple[str, str, str], key: IdempotencyKey) -> None:
        self._keys[name] = key
        while len(self._keys) > KEYS_REMEMBERED:
            self._keys.popitem(last=False)

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
        owned = [lease.job_id for lease in self._book.leases.of_worker(worker_id)]
        if owned:
            return await self._described(owned, "owner")
        offered = self._book.next_claims(worker_id, max_jobs, batch_s)
        made = await asyncio.gather(
            *(self._claim_for(worker_id, job_id) for job_id in offered), return_exceptions=True
        )
        claimed = [job_id for job_id in made if isinstance(job_id, str)]
        failures = [error for error in made if isinstance(error, BaseException)]
        if claimed or not failures:
            grants = await self._described(claimed, "owner")
            return grants or await self._shares(worker_id)
        raise failures[0]

    async def _shares(self, worker_id: str) -> list[Grant]:
        """A running job of another worker with partitions that this one may compute, if there is any."""
        for job_id in self._book.helpable(worker_id):
            return await self._described([job_id], "helper")
        return []

    async def _claim_for(self, worker_id: str, job_id: str) -> str | None:
        """Make `worker_id` the owner of a job that was offered to it; returns the job's id, or None where it has ended."""
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
        return job_id

    async def _described(self, job_ids: Iterable[str], role: Literal["owner", "helper"]) -> list[Grant]:
        """What a worker has to know of these running jobs. One that cannot run, because its dataset is gone, is ended."""
        grants = []
        for job_id in job_ids:
            job = self._book.find(job_id)
            if job is None or job.attempt is None or job.owner_fence is None:
                continue
            try:
                grants.append(await self._describe(job, job.attempt, role))
            except DatasetNotFoundError as error:
                await self._settle_attempt(
                    Outcome(
                        job_id=job_id,
                        tenant=job.tenant,
                        fence=job.attempt.fence,
                        kind="failed",
                        reason=FailureReason.INVALID_DATA,
                        error=error.to_dict(),
                    )
                )
        return grants

    async def _describe(self, job: Job, attempt: Attempt, role: Literal["owner", "helper"]) -> Grant:
        dataset = await self._dataset(job.tenant, job.spec.dataset_id)
        return Grant(
            job_id=job.id,
            tenant=job.tenant,
            role=role,
            attempt=attempt.number,
            fence=attempt.fence,
            spec=spec_to_dict(job.spec),
            dataset=dataset.to_dict() if dataset is not None else None,
        )

    async def _dataset(self, tenant: str, dataset_id: str | None) -> Dataset | None:
        if dataset_id is None:
            return None
        name = (tenant, dataset_id)
        if name not in self._datasets:
            found = await self._store.dataset(tenant, dataset_id)
            if found is None:
                raise DatasetNotFoundError(f"there is no dataset {dataset_id}")
            if len(self._datasets) >= 1024:
                self._datasets.pop(next(iter(self._datasets)))
            self._datasets[name] = found
        return self._datasets[name]

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
                # A worker that never spoke of the job, because its claim's answer got lost, did not die of it.
                crashed=(job_id, fence) in self._heard_of,
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
        # It may wait in `advance` for others.
        self._wake_workers()
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
        merged: tuple[int, str] | None,
    ) -> None:
        """Write finished partitions, unless the attempt with this fence does not run any more."""
        if not self._runs(job_id, fence):
            return
        if merged is not None and merged[0] != self._book.partitions(job_id).current_pass:
            # Told before, in a call whose answer got lost: it is no state of the pass that is under way now.
            merged = None
        points = [Checkpoint(job_id, *point) for point in done]
        if merged is not None:
            points.append(Checkpoint(job_id, merged[0], MERGED, merged[1]))
        if not points:
            return
        await self._write(Transaction(checkpoints=points))
        if not self._runs(job_id, fence):
            return
        book = self._book.partitions(job_id)
        for pass_, partition, state_hash in done:
            book.finish(worker_id, pass_, partition, state_hash)
        if merged is not None and book.current_pass == merged[0] and book.is_pass_complete:
            book.open_next_pass(merged[1])
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
            try:
                await self.tick()
            except Exception:  # noqa: BLE001 - leases and timers go on, whatever one job of them does
                _log.exception("tick failed")
            await asyncio.sleep(self._until_next_tick_s())

    async def tick(self) -> None:
        """Do what time asks for: timers that are due, leases that have run out, workers that went silent."""
        mono = self._clock.monotonic()
        if mono - self._ticked_at > self._settings.lease_s / 2:
            # This process stood still: heartbeats that waited at its door are not the owners' fault.
            self._book.leases.extend_all(mono)
        self._ticked_at = mono
        due = self._book.timers.pop_due(mono)
        for start in range(0, len(due), TIMERS_AT_ONCE):
            await asyncio.gather(*(self._fire(*timer) for timer in due[start : start + TIMERS_AT_ONCE]))
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


def _replayed(known: IdempotencyKey, asked: IdempotencyKey) -> Accepted:
    if known.fingerprint != asked.fingerprint:
        raise IdempotencyMismatchError(
            f"the idempotency key {asked.key!r} was used before for another request, which made {known.created_id}",
            facts={"created": known.created_id},
        )
    return Accepted(created_id=known.created_id, created=False)


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
