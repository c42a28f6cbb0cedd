"""The jobs of one lane that have not ended, in memory: what the store holds, arranged for quick answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from prismlane.common.errors import InvalidTransitionError, JobNotFoundError
from prismlane.common.states import JobState
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import decisions as decide
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.leases import LeaseBook
from prismlane.engine.jobs.model import Job
from prismlane.engine.jobs.partitions import PartitionBook
from prismlane.engine.jobs.queue import ClaimQueue, Key, QueueEntry
from prismlane.engine.jobs.timers import Timers
from prismlane.engine.jobs.transitions import accept, apply, entering, story

#: How much the latest run of an analysis weighs in the estimate of the next.
ESTIMATE_WEIGHT: Final = 0.2

#: Hash of the state of each (pass, partition) that was computed.
Checkpoints: TypeAlias = Mapping[tuple[int, int], str]


@dataclass(frozen=True, slots=True)
class Decision:
    """An event that is allowed, the job after it, and what follows from it. Nothing has been changed yet."""

    job: Job
    event: ev.JobEvent
    commands: list[do.Command]


class JobBook:
    """The jobs of one lane that are not terminal, with their queue, leases, timers and partitions.

    Used in two steps, because the store is written in between: `preview` decides and changes nothing, `commit` makes the
    decision true in memory. Between the two, no other event of the same job may be previewed for commit.

    `now` is in seconds since the epoch, `mono` in monotonic seconds; leases and timers go by `mono` alone.

    Args:
        lease_s: seconds that an owner may be silent.
        weights: fair share of a tenant relative to the others; 1.0 where it is not named.
    """

    def __init__(self, lease_s: float = 30.0, weights: Mapping[str, float] | None = None) -> None:
        self.leases = LeaseBook(lease_s)
        self.timers = Timers()
        self._queue = ClaimQueue(weights)
        self._jobs: dict[str, Job] = {}
        self._runs: dict[str, PartitionBook] = {}
        #: What earlier attempts of jobs that do not run now have computed.
        self._checkpoints: dict[str, Checkpoints] = {}
        #: Job -> the worker it was offered to by `next_claims`, until it is claimed or put back.
        self._offered: dict[str, str] = {}
        #: Concurrency key -> the job that runs, or is offered, under it.
        self._key_holders: dict[Key, str] = {}
        #: Job -> the jobs that wait for it.
        self._waiting: dict[str, dict[str, None]] = {}
        self._estimates_s: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    @property
    def n_queued(self) -> int:
        """Jobs that wait for a worker."""
        return len(self._queue) + len(self._offered)

    @property
    def n_running(self) -> int:
        """Jobs that somebody owns, those that are asked to end among them."""
        return len(self.leases)

    def job(self, job_id: str) -> Job:
        """The job as of its last committed event.

        Raises:
            JobNotFoundError: there is no such job, or it has ended.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFoundError(
                f"{job_id} is not among the jobs that have not ended", facts={"job": job_id}
            )
        return job

    def find(self, job_id: str) -> Job | None:
        """The job as of its last committed event, or None where there is no such job, or it has ended."""
        return self._jobs.get(job_id)

    def partitions(self, job_id: str) -> PartitionBook:
        """Where a running job stands.

        Raises:
            JobNotFoundError: nobody runs such a job.
        """
        run = self._runs.get(job_id)
        if run is None:
            raise JobNotFoundError(f"nobody runs {job_id}", facts={"job": job_id})
        return run

    def waiting_on(self, job_id: str) -> list[Job]:
        """The jobs that wait for `job_id`, also when that one has left the book."""
        return [self._jobs[waiting] for waiting in self._waiting.get(job_id, ())]

    def dependencies_changed(
        self, job_id: str, states: Mapping[str, JobState], now: float
    ) -> ev.JobEvent | None:
        """What the states of the jobs that a job waits on mean for it; see `decisions.dependencies_changed`.

        Raises:
            JobNotFoundError: there is no such job, or it has ended.
        """
        is_due = (job_id, "due") not in self.timers
        return decide.dependencies_changed(self.job(job_id), states, now, is_due=is_due)

    def is_queued(self, job_id: str) -> bool:
        """Whether the job waits in line; one that was offered to a worker and not claimed yet does not."""
        return job_id in self._queue

    def estimate_s(self, analysis: str) -> float | None:
        """About how many seconds a run of `analysis` takes; None where none has succeeded yet."""
        return self._estimates_s.get(analysis)

    def learn(self, analysis: str, took_s: float) -> None:
        """Note that a run of `analysis` took so long in its worker, without the time that it waited in a batch."""
        known_s = self._estimates_s.get(analysis, took_s)
        self._estimates_s[analysis] = known_s + ESTIMATE_WEIGHT * (took_s - known_s)

    # --- deciding, and making it so ---------------------------------------------------------------

    def preview(self, job_id: str, event: ev.JobEvent) -> Decision:
        """What `event` would do to a job.

        Raises:
            JobNotFoundError: there is no such job, or it has ended.
            InvalidTransitionError: the event is not allowed in the job's state, or would run two jobs of one
                concurrency key at once.
            StaleFenceError: the event comes from an attempt that does not own the job.
        """
        job = self.job(job_id)
        if isinstance(event, ev.AttemptClaimed):
            self._refuse_busy_key(job)
        after, commands = apply(job, event)
        return Decision(after, event, commands)

    def preview_accept(self, event: ev.JobAccepted) -> Decision:
        """What it would mean to accept a job.

        Raises:
            InvalidTransitionError: there is a job with this id.
        """
        if event.job_id in self._jobs:
            raise InvalidTransitionError(
                f"{event.job_id} was accepted before: {story(self._jobs[event.job_id])}",
                facts={"job": event.job_id},
            )
        job, commands = accept(event)
        return Decision(job, event, commands)

    def commit(self, decision: Decision, now: float, mono: float) -> list[do.Command]:
        """Make `decision`, which is durable, true in memory; return what is left for the shell to do.

        A job that has ended leaves the book.

        Raises:
            InvalidTransitionError: the job has moved on since the preview; nothing was changed.
        """
        job = decision.job
        before = self._jobs.get(job.id)
        if job.seq != (before.seq + 1 if before else 1):
            raise InvalidTransitionError(
                f"{job.id} moved on between preview and commit: {story(before or job)}",
                facts={"job": job.id, "seq": job.seq, "current_seq": before.seq if before else 0},
            )
        self._jobs[job.id] = job
        return self._arrange(job, before, decision.commands, now, mono)

    def load(
        self, jobs: Iterable[Job], checkpoints: Mapping[str, Checkpoints], now: float, mono: float
    ) -> list[do.Command]:
        """Take over the rows of an earlier book; each running job gets a fresh full lease.

        Args:
            jobs: every job that is not terminal.
            checkpoints: job -> what was computed of it.
            now: seconds since the epoch.
            mono: monotonic seconds.

        Returns:
            What is left for the shell to do: owners that must be told (again) that their job has to end.
        """
        left: list[do.Command] = []
        for job in jobs:
            self._jobs[job.id] = job
            if checkpoints.get(job.id):
                self._checkpoints[job.id] = checkpoints[job.id]
            left += self._arrange(job, None, entering(job), now, mono)
        return left

    # --- work for workers ---------------------------------------------------------------------------

    def next_claims(self, worker: str, max_jobs: int, budget_s: float) -> list[str]:
        """Offer queued jobs to `worker`: each is then either claimed by an event, or put back by `unclaim`.

        Up to `max_jobs`, whose estimated seconds add up to at most `budget_s`; one is offered in any case. A job of an
        analysis that never ran counts as the whole budget.
        """
        offered: list[str] = []
        spent_s = 0.0
        while len(offered) < max_jobs and (job_id := self._queue.peek()) is not None:
            cost_s = self._estimates_s.get(self._jobs[job_id].spec.analysis, budget_s)
            if offered and spent_s + cost_s > budget_s:
                break
            self._queue.claim()
            self._offered[job_id] = worker
            self._hold_key(self._jobs[job_id])
            offered.append(job_id)
            spent_s += cost_s
        return offered

    def unclaim(self, job_id: str) -> None:
        """Put a job back that was offered and could not be claimed; nothing where it was claimed, or has ended."""
        if self._offered.pop(job_id, None) is None:
            return
        job = self._jobs[job_id]
        self._release_key(job)
        self._queue.push(_entry(job))

    def helpable(self, exclude_worker: str) -> Iterator[str]:
        """Running jobs of other workers with partitions that nobody has taken, longest running first."""
        for job_id, run in self._runs.items():
            job = self._jobs[job_id]
            is_shared = job.spec.n_partitions > 1 and job.state is JobState.RUNNING
            is_own = job.attempt is not None and job.attempt.worker == exclude_worker
            if is_shared and not is_own and run.n_open:
                yield job_id

    def give_back(self, worker: str) -> None:
        """Open the partitions again, of whatever job, that `worker` has taken and will not finish."""
        for run in self._runs.values():
            run.give_back(worker)

    # --- keeping the structures true to the jobs ----------------------------------------------------

    def _arrange(
        self, job: Job, before: Job | None, commands: Iterable[do.Command], now: float, mono: float
    ) -> list[do.Command]:
        self._index_dependencies(job, before)
        left: list[do.Command] = []
        for command in commands:
            match command:
                case do.Enqueue():
                    self._queue.push(_entry(job))
                case do.Dequeue():
                    self._leave_queue(job)
                case do.SetTimer(job_id, kind, at):
                    self.timers.set(job_id, kind, mono + (at - now))
                case do.OpenLease(job_id, fence, worker):
                    self.leases.open(job_id, fence, worker, mono)
                    self._start_run(job)
                case do.CloseLease(job_id, fence):
                    self.leases.close(job_id, fence)
                    self._end_run(job)
                case do.TellOwner():
                    left.append(command)
                case do.Settle():
                    self._forget(job)
                    left.append(command)
        return left

    def _leave_queue(self, job: Job) -> None:
        self._queue.remove(job.id)
        if self._offered.pop(job.id, None) is not None:
            self._release_key(job)

    def _start_run(self, job: Job) -> None:
        self._hold_key(job)
        done = self._checkpoints.pop(job.id, {})
        self._runs[job.id] = PartitionBook(job.spec.n_partitions, job.spec.n_passes, done)

    def _end_run(self, job: Job) -> None:
        self._release_key(job)
        run = self._runs.pop(job.id)
        if run.done:
            self._checkpoints[job.id] = run.done

    def _forget(self, job: Job) -> None:
        self.timers.drop(job.id)
        self._checkpoints.pop(job.id, None)
        del self._jobs[job.id]

    def _index_dependencies(self, job: Job, before: Job | None) -> None:
        if job.state is JobState.WAITING:
            for dependency in job.spec.waits_on:
                self._waiting.setdefault(dependency, {})[job.id] = None
        elif before is not None and before.state is JobState.WAITING:
            for dependency in set(job.spec.waits_on):
                waiting = self._waiting[dependency]
                del waiting[job.id]
                if not waiting:
                    del self._waiting[dependency]

    def _hold_key(self, job: Job) -> None:
        key = _key(job)
        if key is not None:
            self._key_holders[key] = job.id
            self._queue.hold_key(*key)

    def _release_key(self, job: Job) -> None:
        key = _key(job)
        if key is not None and self._key_holders.get(key) == job.id:
            del self._key_holders[key]
            self._queue.release_key(*key)

    def _refuse_busy_key(self, job: Job) -> None:
        key = _key(job)
        holder = None if key is None else self._key_holders.get(key)
        if holder is not None and holder != job.id:
            raise InvalidTransitionError(
                f"{job.id} cannot run while {holder} runs under the same concurrency key: {story(job)}",
                facts={"job": job.id, "state": job.state, "runs": holder},
            )


def _key(job: Job) -> Key | None:
    key = job.spec.concurrency_key
    return None if key is None else (job.tenant, key)


def _entry(job: Job) -> QueueEntry:
    return QueueEntry(job.id, job.tenant, job.spec.priority, job.created_at, job.spec.concurrency_key)
