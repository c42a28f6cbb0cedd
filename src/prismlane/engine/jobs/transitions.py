"""The job state machine: a table of allowed moves, and one pure function that makes them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, TypeAlias

from prismlane.common.clock import rfc3339
from prismlane.common.errors import InvalidTransitionError, StaleFenceError
from prismlane.common.states import AttemptState, FailureReason, JobState
from prismlane.engine.jobs import commands as do
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import Attempt, CancelRequest, Job, JobSpec

#: The owner ends a late run itself; after this much more the job is ended without it.
RUN_TIMEOUT_SLACK_S: Final = 15.0
#: How long after the grace of a cancel the owner's word is waited for: it may hear of the cancel one heartbeat late.
OWNER_ANSWER_S: Final = 10.0

#: (state, event type) -> next state. A pair that is not here is refused.
TRANSITIONS: Mapping[tuple[JobState, type[ev.JobEvent]], JobState] = {
    # T2, T3: from waiting for a time or for other jobs
    (JobState.SCHEDULED, ev.JobBecameDue): JobState.QUEUED,
    (JobState.WAITING, ev.DependenciesSucceeded): JobState.QUEUED,
    (JobState.WAITING, ev.DependencyFailed): JobState.CANCELLED,
    # T4, T6, T7, T8, T9, T13: attempts
    (JobState.QUEUED, ev.AttemptClaimed): JobState.RUNNING,
    (JobState.RUNNING, ev.AttemptSucceeded): JobState.SUCCEEDED,
    (JobState.RUNNING, ev.AttemptFailed): JobState.RETRY_WAIT,
    (JobState.RETRY_WAIT, ev.RetryBecameDue): JobState.QUEUED,
    (JobState.RUNNING, ev.JobFailed): JobState.FAILED,
    (JobState.RUNNING, ev.AttemptReleased): JobState.QUEUED,
    # T10: cancel what nobody runs
    (JobState.SCHEDULED, ev.JobCancelled): JobState.CANCELLED,
    (JobState.WAITING, ev.JobCancelled): JobState.CANCELLED,
    (JobState.QUEUED, ev.JobCancelled): JobState.CANCELLED,
    (JobState.RETRY_WAIT, ev.JobCancelled): JobState.CANCELLED,
    # T11: cancel what somebody runs
    (JobState.RUNNING, ev.CancelRequested): JobState.CANCELLING,
    (JobState.CANCELLING, ev.CancelRequested): JobState.CANCELLING,
    (JobState.CANCELLING, ev.JobCancelled): JobState.CANCELLED,
    (JobState.CANCELLING, ev.JobFailed): JobState.FAILED,
    # T12: nobody came in time
    (JobState.SCHEDULED, ev.JobExpired): JobState.EXPIRED,
    (JobState.QUEUED, ev.JobExpired): JobState.EXPIRED,
    # an administrator ends a job that nobody runs
    (JobState.SCHEDULED, ev.JobFailed): JobState.FAILED,
    (JobState.WAITING, ev.JobFailed): JobState.FAILED,
    (JobState.QUEUED, ev.JobFailed): JobState.FAILED,
    (JobState.RETRY_WAIT, ev.JobFailed): JobState.FAILED,
}


def accept(event: ev.JobAccepted) -> tuple[Job, list[do.Command]]:
    """The job that T1 makes, and what the shell must now do."""
    spec = spec_from_dict(event.spec)
    if spec.waits_on:
        state = JobState.WAITING
    elif spec.not_before is not None and spec.not_before > event.at:
        state = JobState.SCHEDULED
    else:
        state = JobState.QUEUED
    job = Job(
        id=event.job_id,
        tenant=event.tenant,
        spec=spec,
        state=state,
        seq=1,
        created_at=event.at,
        updated_at=event.at,
    )
    return job, entering(job)


def apply(job: Job, event: ev.JobEvent) -> tuple[Job, list[do.Command]]:
    """Return the job after `event`, and what the shell must now do.

    Raises:
        InvalidTransitionError: `event` is not allowed in `job.state`; carries the job's story.
        StaleFenceError: `event` comes from an attempt that does not own the job (any more), in whatever state that is,
            or would end a live attempt without naming it.
    """
    state = TRANSITIONS.get((job.state, type(event)))
    fence = event.fence if isinstance(event, _ENDS_AN_ATTEMPT) else job.owner_fence
    # An owner of old is told so whatever has become of the job since; its states are no longer the owner's concern.
    if fence != job.owner_fence and (fence is not None or state is not None):
        raise StaleFenceError(
            f"fence {fence} does not own {job.id}: {story(job)}",
            facts={"job": job.id, "fence": fence, "owner_fence": job.owner_fence},
        )
    if state is None:
        raise InvalidTransitionError(
            f"{event.type} is not allowed for {job.id}: {story(job)}",
            facts={"job": job.id, "state": job.state, "event": event.type},
        )
    changes = _CHANGES.get(type(event), _nothing)(job, event)
    if state.is_terminal:
        changes = {**changes, "finished_at": event.at, "retry_at": None}
    after = replace(job, state=state, seq=job.seq + 1, updated_at=event.at, **changes)
    return after, [*_leaving(job, after), *entering(after, job.state)]


def fold(events: Iterable[ev.JobEvent]) -> Job:
    """The job that its events 1..n, in order, describe.

    Raises:
        ValueError: there is no event, or the first one is not `JobAccepted`.
    """
    iterator = iter(events)
    first = next(iterator, None)
    if not isinstance(first, ev.JobAccepted):
        raise ValueError("a job's first event is JobAccepted")  # noqa: TRY004 - about the log, not about a type
    job, _ = accept(first)
    for event in iterator:
        job, _ = apply(job, event)
    return job


def story(job: Job) -> str:
    """One sentence that tells how `job` came to be as it is."""
    told = [f"it is {job.state}, accepted {rfc3339(job.created_at)}"]
    if job.attempt:
        told.append(f"attempt {job.attempt.number} {job.attempt.state}, fence {job.attempt.fence}")
    if job.reason:
        told.append(f"failed: {job.reason}")
    if job.cancel:
        told.append(f"asked to end {rfc3339(job.cancel.at)}")
    told.append(f"last event {job.seq} at {rfc3339(job.updated_at)}")
    return "; ".join(told)


def spec_to_dict(spec: JobSpec) -> dict[str, Any]:
    """The fields of `spec` as JSON values."""
    return {**asdict(spec), "waits_on": list(spec.waits_on)}


def spec_from_dict(data: Mapping[str, Any]) -> JobSpec:
    """The spec that `spec_to_dict` described; unknown fields of a newer release are ignored."""
    known = JobSpec.__dataclass_fields__
    values = {name: value for name, value in data.items() if name in known}
    return JobSpec(**{**values, "waits_on": tuple(values.get("waits_on", ()))})


# --- what each event changes of a job, besides its state, seq and updated_at -------------------------------

Changes: TypeAlias = dict[str, Any]

_ENDS_AN_ATTEMPT: Final = (
    ev.AttemptSucceeded,
    ev.AttemptFailed,
    ev.AttemptReleased,
    ev.JobFailed,
    ev.JobCancelled,
)


def _nothing(_: Job, __: ev.JobEvent) -> Changes:
    return {}


def _claimed(job: Job, event: ev.AttemptClaimed) -> Changes:
    if event.fence <= job.fence:
        raise StaleFenceError(f"fence {event.fence} was given out before for {job.id}: {story(job)}")
    attempt = Attempt(
        number=(job.attempt.number if job.attempt else 0) + 1,
        fence=event.fence,
        worker=event.worker,
        state=AttemptState.RUNNING,
        claimed_at=event.at,
    )
    return {
        "attempt": attempt,
        "fence": event.fence,
        "n_attempts": job.n_attempts + 1,
        "started_at": event.at if job.started_at is None else job.started_at,
    }


def _succeeded(job: Job, event: ev.AttemptSucceeded) -> Changes:
    return {
        "attempt": _ended(job, event.at, AttemptState.SUCCEEDED),
        "result_hash": event.result_hash,
        "result_bytes": event.result_bytes,
    }


def _attempt_failed(job: Job, event: ev.AttemptFailed) -> Changes:
    return {
        "attempt": _ended(job, event.at, _failed_or_lost(event.reason), event.reason, event.error),
        "retry_at": event.retry_at,
        "n_crashes": job.n_crashes + event.crashed,
    }


def _retry_due(_: Job, __: ev.RetryBecameDue) -> Changes:
    return {"retry_at": None}


def _failed(job: Job, event: ev.JobFailed) -> Changes:
    return {
        "attempt": _ended(job, event.at, _failed_or_lost(event.reason), event.reason, event.error),
        "reason": event.reason,
        "error": event.error,
        "n_crashes": job.n_crashes + event.crashed,
    }


def _dependency_failed(_: Job, event: ev.DependencyFailed) -> Changes:
    return {"cancel": CancelRequest(at=event.at, reason=f"{event.dependency} did not succeed")}


def _cancelling(job: Job, event: ev.CancelRequested) -> Changes:
    asked = CancelRequest(
        at=event.at,
        force=event.force,
        grace_s=event.grace_s,
        reason=event.reason,
        timed_out=event.timed_out,
    )
    if job.cancel is not None:
        # What the job ends as was decided by the first who asked, and confirmed to them; a later one can only hurry it.
        first = job.cancel
        asked = replace(
            asked, force=event.force or first.force, reason=first.reason, timed_out=first.timed_out
        )
    return {"cancel": asked}


def _cancelled(job: Job, event: ev.JobCancelled) -> Changes:
    return {
        "attempt": _ended(job, event.at, AttemptState.CANCELLED),
        "cancel": job.cancel or CancelRequest(at=event.at, reason=event.reason),
    }


def _released(job: Job, event: ev.AttemptReleased) -> Changes:
    return {
        "attempt": _ended(job, event.at, AttemptState.RELEASED),
        "n_attempts": job.n_attempts - 1,
    }


def _failed_or_lost(reason: FailureReason) -> AttemptState:
    return AttemptState.LOST if reason is FailureReason.LOST else AttemptState.FAILED


def _ended(
    job: Job,
    at: float,
    state: AttemptState,
    reason: FailureReason | None = None,
    error: Mapping[str, Any] | None = None,
) -> Attempt | None:
    """The job's attempt, ended if it was live."""
    if job.attempt is None or not job.attempt.state.is_live:
        return job.attempt
    return replace(job.attempt, state=state, ended_at=at, reason=reason, error=error)


_CHANGES: Mapping[type[ev.JobEvent], Callable[[Job, Any], Changes]] = {
    ev.AttemptClaimed: _claimed,
    ev.AttemptSucceeded: _succeeded,
    ev.AttemptFailed: _attempt_failed,
    ev.AttemptReleased: _released,
    ev.RetryBecameDue: _retry_due,
    ev.JobFailed: _failed,
    ev.DependencyFailed: _dependency_failed,
    ev.CancelRequested: _cancelling,
    ev.JobCancelled: _cancelled,
}


# --- what the shell does on the way out of one state and into the next ----------------------------------


def _leaving(before: Job, after: Job) -> list[do.Command]:
    left: list[do.Command] = []
    if before.state is JobState.QUEUED and after.state is not JobState.QUEUED:
        left.append(do.Dequeue(after.id))
    if before.owner_fence is not None and after.owner_fence is None:
        left.append(do.CloseLease(after.id, before.owner_fence))
    return left


def entering(job: Job, previous: JobState | None = None) -> list[do.Command]:
    """What the shell must do when `job` comes into its state, also when it is loaded after a restart."""
    spec = job.spec
    todo: list[do.Command] = []
    match job.state:
        case JobState.SCHEDULED | JobState.WAITING if spec.not_before is not None:
            todo.append(do.SetTimer(job.id, "due", spec.not_before))
        case JobState.QUEUED:
            todo.append(do.Enqueue(job.id))
        case JobState.RETRY_WAIT if job.retry_at is not None:
            todo.append(do.SetTimer(job.id, "retry", job.retry_at))
        case JobState.RUNNING if job.attempt:
            latest_end = job.attempt.claimed_at + spec.run_timeout_s + RUN_TIMEOUT_SLACK_S
            todo.append(do.OpenLease(job.id, job.attempt.fence, job.attempt.worker))
            todo.append(do.SetTimer(job.id, "run_timeout", latest_end))
        case JobState.CANCELLING if job.attempt and job.cancel:
            if previous is None:
                todo.append(do.OpenLease(job.id, job.attempt.fence, job.attempt.worker))
            answer_due = job.cancel.at + job.cancel.grace_s + OWNER_ANSWER_S
            todo.append(do.TellOwner(job.id, job.attempt.fence))
            todo.append(do.SetTimer(job.id, "cancel_grace", answer_due))
        case state if state.is_terminal:
            todo.append(do.Settle(job.id))
    # The deadline is for the first claim: a job that was handed back has met it.
    waits_for_first_claim = job.state in (JobState.SCHEDULED, JobState.QUEUED) and job.attempt is None
    if waits_for_first_claim and spec.queue_deadline is not None:
        todo.append(do.SetTimer(job.id, "queue_deadline", spec.queue_deadline))
    return todo
