"""Made-up lives of jobs: events that the state machine allows, for tests that need a job with a past."""

import random
from collections.abc import Sequence
from typing import Any, Final

from prismlane.common.states import FailureReason, JobState
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import Job, JobSpec
from prismlane.engine.jobs.transitions import accept, apply, spec_to_dict
from prismlane.engine.ports import Change

_ERROR: Final = {"code": "analysis-failed", "detail": "the column “größe” has no values", "status": 500}


def accepted(
    job_id: str, *, tenant: str = "default", at: float = 1_800_000_000.0, spec: JobSpec | None = None
) -> Change:
    """The acceptance of a job."""
    asked = spec or JobSpec(analysis="profile", analysis_version="1")
    event = ev.JobAccepted(at=at, job_id=job_id, tenant=tenant, spec=spec_to_dict(asked))
    job, _ = accept(event)
    return Change(job, event)


def then(job: Job, event: ev.JobEvent) -> Change:
    """What `event` makes of `job`."""
    after, _ = apply(job, event)
    return Change(after, event)


def succeeded(job_id: str, *, result_hash: str = "ab" * 32, **accepting: Any) -> list[Change]:
    """The whole life of a job that nothing disturbed; `accepting` as for `accepted`."""
    first = accepted(job_id, **accepting)
    claimed = then(first.job, ev.AttemptClaimed(at=first.event.at + 1, worker="worker_1", fence=1))
    result = ev.AttemptSucceeded(at=first.event.at + 2, fence=1, result_hash=result_hash, result_bytes=100)
    return [first, claimed, then(claimed.job, result)]


def life(choose: random.Random, job_id: str, *, tenant: str = "default", n_events: int = 12) -> list[Change]:
    """A life of at most `n_events` events, chosen at random among those that are allowed.

    Args:
        choose: where every choice comes from: the same seed gives the same life.
        job_id: id of the job.
        tenant: whose job it is.
        n_events: where to stop, if the job has not ended by then.
    """
    at = 1_800_000_000.0 + choose.random()
    changes = [accepted(job_id, tenant=tenant, at=at, spec=_spec(choose, at))]
    while len(changes) < n_events and not changes[-1].job.is_terminal:
        job = changes[-1].job
        at += choose.random() * 10
        changes.append(then(job, choose.choice(_possible(choose, job, at))))
    return changes


def _spec(choose: random.Random, at: float) -> JobSpec:
    return JobSpec(
        analysis=choose.choice(["profile", "compare"]),
        analysis_version="1.0",
        params={"columns": ["größe", "x\ud800"], "share": choose.random(), "deep": {"none": None}},
        dataset_id=choose.choice([None, "ds_0"]),
        seed=choose.randrange(2**63),
        priority=choose.randrange(10),
        labels=choose.choice([{}, {"team": "a", "env": "prod"}]),
        not_before=choose.choice([None, at + 5]),
        waits_on=choose.choice([(), ("job_0_other",)]),
    )


def _possible(choose: random.Random, job: Job, at: float) -> Sequence[ev.JobEvent]:
    cancelled = ev.JobCancelled(at=at, reason="not needed")
    fence = job.fence
    match job.state:
        case JobState.SCHEDULED:
            return [ev.JobBecameDue(at=at), cancelled, ev.JobExpired(at=at)]
        case JobState.WAITING:
            return [ev.DependenciesSucceeded(at=at), ev.DependencyFailed(at=at, dependency="job_0_other")]
        case JobState.QUEUED:
            claimed = ev.AttemptClaimed(at=at, worker="worker_1", fence=fence + choose.randrange(1, 4))
            return [claimed, claimed, claimed, cancelled, ev.JobExpired(at=at)]
        case JobState.RETRY_WAIT:
            return [ev.RetryBecameDue(at=at), cancelled]
        case JobState.CANCELLING:
            return [
                ev.JobCancelled(at=at, fence=fence),
                ev.JobFailed(at=at, fence=fence, reason=FailureReason.TIMEOUT, error=_ERROR),
            ]
    reason = choose.choice(list(FailureReason))
    return [
        ev.AttemptSucceeded(at=at, fence=fence, result_hash="cd" * 32, result_bytes=choose.randrange(10**12)),
        ev.AttemptFailed(at=at, fence=fence, reason=reason, error=_ERROR, retry_at=at + 1, crashed=True),
        ev.AttemptReleased(at=at, fence=fence),
        ev.JobFailed(at=at, fence=fence, reason=reason, error=_ERROR),
        ev.CancelRequested(at=at, force=choose.random() < 0.5, reason="stop"),
    ]
