"""From what is asked to what happens: pure functions that choose the event, or refuse.

`transitions.apply` says what an event does; these say which event it is to be.
"""

from collections.abc import Mapping
from typing import Any, Final

from prismlane.common.errors import DeadlineExceededError, InvalidTransitionError
from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.commands import TimerKind
from prismlane.engine.jobs.model import CancelRequest, Job
from prismlane.engine.jobs.transitions import story

#: A job that took this many processes down with it is not tried again.
POISON_CRASHES: Final = 2
BACKOFF_BASE_S: Final = 0.5
BACKOFF_CAP_S: Final = 60.0

#: Failures that another try cannot mend.
PERMANENT: Final = frozenset(
    {
        FailureReason.TIMEOUT,
        FailureReason.OUT_OF_MEMORY,
        FailureReason.POISON,
        FailureReason.INVALID_DATA,
        FailureReason.OVER_BUDGET,
    }
)


def backoff_s(n_attempts: int, jitter: float) -> float:
    """Full jitter: a uniform share of an exponentially growing, capped delay.

    Args:
        n_attempts: attempts that have ended, 1 or more.
        jitter: a uniform random number in [0, 1).

    Source: M. Brooker, "Exponential backoff and jitter" (2015).
    """
    # 2.0**64 s is far above any cap: the bound keeps the power finite for absurd counts.
    return jitter * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** min(n_attempts - 1, 64))


def attempt_succeeded(job: Job, fence: int, result_hash: str, result_bytes: int, now: float) -> ev.JobEvent:
    """What a result means for its job: it succeeds (T6), or, asked to end, it ends without publishing (T11)."""
    if job.state is JobState.CANCELLING and job.cancel is not None:
        return _end_as_asked(job, job.cancel, fence, now)
    return ev.AttemptSucceeded(at=now, fence=fence, result_hash=result_hash, result_bytes=result_bytes)


def attempt_released(job: Job, fence: int, now: float) -> ev.JobEvent:
    """What it means that the owner drains: the job goes back to the queue (T13), or, asked to end, it ends (T11)."""
    if job.state is JobState.CANCELLING and job.cancel is not None:
        return _end_as_asked(job, job.cancel, fence, now)
    return ev.AttemptReleased(at=now, fence=fence)


def attempt_failed(
    job: Job,
    fence: int,
    reason: FailureReason,
    error: Mapping[str, Any],
    *,
    retryable: bool,
    crashed: bool,
    now: float,
    jitter: float,
) -> ev.JobEvent:
    """What the end of an attempt without a result means for its job (T7, T9, T11)."""
    if job.state is JobState.CANCELLING and job.cancel is not None:
        return _end_as_asked(job, job.cancel, fence, now)
    if crashed and reason not in PERMANENT and job.n_crashes + 1 >= POISON_CRASHES:
        reason = FailureReason.POISON
    used_up = job.n_attempts >= job.spec.max_attempts
    if reason in PERMANENT or used_up or not retryable:
        return ev.JobFailed(at=now, fence=fence, reason=reason, error=error, crashed=crashed)
    return ev.AttemptFailed(
        at=now,
        fence=fence,
        reason=reason,
        error=error,
        retry_at=now + backoff_s(job.n_attempts, jitter),
        crashed=crashed,
    )


def cancel(job: Job, *, force: bool, grace_s: float, reason: str, now: float) -> ev.JobEvent | None:
    """What a request to cancel means: an event, or None where the job has ended or is ending so already.

    Raises:
        InvalidTransitionError: the job has ended otherwise than cancelled.
    """
    if job.state is JobState.CANCELLED:
        return None
    if job.is_terminal:
        raise InvalidTransitionError(
            f"{job.id} cannot be cancelled: {story(job)}",
            hint="It has ended; submit it again if you need it to run once more.",
            facts={"job": job.id, "state": job.state},
        )
    if job.state is JobState.CANCELLING and job.cancel is not None and (job.cancel.force or not force):
        return None
    if job.owner_fence is None:
        return ev.JobCancelled(at=now, reason=reason)
    return ev.CancelRequested(at=now, force=force, grace_s=0.0 if force else grace_s, reason=reason)


def timer_fired(job: Job, kind: TimerKind, now: float) -> ev.JobEvent | None:
    """What the passing of a time means for `job`; None where the job has moved on since.

    `now` may be a little before the time asked for when the machine's clock was set back: the timer itself is monotonic.
    A `due` of a job that waits on others is None too: ask `JobBook.dependencies_changed` again then.
    """
    match kind, job.state:
        case "due", JobState.SCHEDULED:
            return ev.JobBecameDue(at=now)
        case "retry", JobState.RETRY_WAIT:
            return ev.RetryBecameDue(at=now)
        case "queue_deadline", (JobState.SCHEDULED | JobState.QUEUED) if job.attempt is None:
            return ev.JobExpired(at=now)
        case "run_timeout", JobState.RUNNING:
            return ev.CancelRequested(
                at=now, force=True, grace_s=0.0, reason="it ran longer than it may", timed_out=True
            )
        case "cancel_grace", JobState.CANCELLING if job.cancel and job.owner_fence is not None:
            return _end_as_asked(job, job.cancel, job.owner_fence, now)
    return None


def dependencies_changed(
    job: Job, states: Mapping[str, JobState], now: float, *, is_due: bool
) -> ev.JobEvent | None:
    """What the states of the jobs that `job` waits on mean for it (T3); None where it still waits.

    To be asked when `job` is accepted or loaded, when a job it waits on settles, and when its `due` timer fires.

    Args:
        job: a job that may wait on others.
        states: the state of each job it waits on, as far as known.
        now: seconds since the epoch.
        is_due: whether its `not_before` has passed. That is for its timer to say and not for `now`, or a job whose timer
            has fired would wait for ever when the machine's clock is set back.
    """
    if job.state is not JobState.WAITING:
        return None
    for dependency in job.spec.waits_on:
        state = states.get(dependency)
        if state is not None and state.is_terminal and state is not JobState.SUCCEEDED:
            return ev.DependencyFailed(at=now, dependency=dependency)
    if is_due and all(states.get(dependency) is JobState.SUCCEEDED for dependency in job.spec.waits_on):
        return ev.DependenciesSucceeded(at=now)
    return None


def _end_as_asked(job: Job, asked: CancelRequest, fence: int, now: float) -> ev.JobEvent:
    if not asked.timed_out:
        return ev.JobCancelled(at=now, fence=fence, reason=asked.reason)
    late = DeadlineExceededError(f"the attempt ran longer than {job.spec.run_timeout_s:g} s")
    return ev.JobFailed(at=now, fence=fence, reason=FailureReason.TIMEOUT, error=late.to_dict())
