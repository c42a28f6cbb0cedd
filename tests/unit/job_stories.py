"""Jobs in every state, made by telling their events."""

from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import Job, JobSpec
from prismlane.engine.jobs.transitions import fold, spec_to_dict

ERROR = {"code": "analysis-failed", "detail": "it did not work"}
HASH = "ab" * 32


def accepted(job_id="job_0_a", tenant="acme", at=100.0, **spec):
    spec = JobSpec(**{"analysis": "profile", "analysis_version": "1", **spec})
    return ev.JobAccepted(at=at, job_id=job_id, tenant=tenant, spec=spec_to_dict(spec))


def claimed(fence=1, worker="worker-1", at=110.0):
    return ev.AttemptClaimed(at=at, worker=worker, fence=fence)


def succeeded(fence=1, at=120.0):
    return ev.AttemptSucceeded(at=at, fence=fence, result_hash=HASH, result_bytes=7)


def attempt_failed(fence=1, reason=FailureReason.ERROR, at=120.0, crashed=False):
    return ev.AttemptFailed(at=at, fence=fence, reason=reason, error=ERROR, retry_at=at + 1, crashed=crashed)


def job_failed(fence=1, reason=FailureReason.ERROR, at=120.0):
    return ev.JobFailed(at=at, fence=fence, reason=reason, error=ERROR)


def story_of(state, **spec):
    """Events that bring a job into `state`."""
    match state:
        case JobState.SCHEDULED:
            return [accepted(**{"not_before": 500.0, **spec})]
        case JobState.WAITING:
            return [accepted(**{"waits_on": ("job_0_z",), **spec})]
        case JobState.QUEUED:
            return [accepted(**spec)]
        case JobState.RUNNING:
            return [accepted(**spec), claimed()]
        case JobState.RETRY_WAIT:
            return [accepted(**spec), claimed(), attempt_failed()]
        case JobState.CANCELLING:
            return [accepted(**spec), claimed(), ev.CancelRequested(at=115.0, reason="changed my mind")]
        case JobState.SUCCEEDED:
            return [accepted(**spec), claimed(), succeeded()]
        case JobState.FAILED:
            return [accepted(**spec), claimed(), job_failed()]
        case JobState.CANCELLED:
            return [accepted(**spec), ev.JobCancelled(at=120.0)]
        case JobState.EXPIRED:
            return [accepted(**{"queue_deadline": 119.0, **spec}), ev.JobExpired(at=120.0)]
    raise ValueError(state)


def job_in(state, **spec) -> Job:
    return fold(story_of(state, **spec))


def any_event(type_, job):
    """An event of `type_` that the owner of `job`, if there is one, may tell."""
    fence = job.owner_fence
    examples = {
        ev.JobAccepted: accepted(),
        ev.JobBecameDue: ev.JobBecameDue(at=130.0),
        ev.DependenciesSucceeded: ev.DependenciesSucceeded(at=130.0),
        ev.DependencyFailed: ev.DependencyFailed(at=130.0, dependency="job_0_z"),
        ev.AttemptClaimed: claimed(job.fence + 1, at=130.0),
        ev.AttemptSucceeded: succeeded(fence, at=130.0),
        ev.AttemptFailed: attempt_failed(fence, at=130.0),
        ev.RetryBecameDue: ev.RetryBecameDue(at=130.0),
        ev.JobFailed: job_failed(fence, at=130.0),
        ev.CancelRequested: ev.CancelRequested(at=130.0),
        ev.JobCancelled: ev.JobCancelled(at=130.0, fence=fence),
        ev.JobExpired: ev.JobExpired(at=130.0),
        ev.AttemptReleased: ev.AttemptReleased(at=130.0, fence=fence),
    }
    return examples[type_]
