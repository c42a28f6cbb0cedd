"""What happened to a job: facts in the past tense, each with its time and cause. State is their fold."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from prismlane.common.states import FailureReason
from prismlane.engine.jobs.model import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Base of all events. `at` is in seconds since the epoch."""

    at: float
    #: Name of the event for subscribers; part of the API.
    type: ClassVar[str] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccepted(JobEvent):
    """T1: the job is durable. Whether it is scheduled, waiting or queued follows from its spec."""

    job_id: str
    tenant: str
    #: The fields of the `JobSpec`.
    spec: Json
    type: ClassVar[str] = "job.accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBecameDue(JobEvent):
    """T2: its `not_before` has passed."""

    type: ClassVar[str] = "job.due"


@dataclass(frozen=True, slots=True, kw_only=True)
class DependenciesSucceeded(JobEvent):
    """T3: all jobs that it waits on succeeded."""

    type: ClassVar[str] = "job.unblocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyFailed(JobEvent):
    """T3: a job that it waits on ended otherwise than `succeeded`, so this one is cancelled."""

    dependency: str
    type: ClassVar[str] = "job.dependency_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptClaimed(JobEvent):
    """T4: a worker took the job; from now on only this fence may write."""

    worker: str
    fence: int
    type: ClassVar[str] = "attempt.claimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSucceeded(JobEvent):
    """T6: the result is durable and visible."""

    fence: int
    result_hash: str
    result_bytes: int
    type: ClassVar[str] = "job.succeeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed(JobEvent):
    """T7: this attempt ended without a result; another follows at `retry_at`."""

    fence: int
    reason: FailureReason
    error: Json
    retry_at: float
    #: Whether a process died with it (the child, the worker or its node).
    crashed: bool = False
    type: ClassVar[str] = "attempt.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryBecameDue(JobEvent):
    """T8: the back-off is over."""

    type: ClassVar[str] = "job.retry_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(JobEvent):
    """T9, and T11 for a timeout: the job ends without a result."""

    reason: FailureReason
    error: Json
    #: The fence of the attempt that ends with it; None where nobody runs the job.
    fence: int | None = None
    crashed: bool = False
    type: ClassVar[str] = "job.failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(JobEvent):
    """T11: the owner has been told to end; the job can no longer succeed."""

    force: bool = False
    grace_s: float = 10.0
    reason: str = ""
    timed_out: bool = False
    type: ClassVar[str] = "job.cancelling"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCancelled(JobEvent):
    """T10, and T11 by the owner's word or its lost lease: the job ends cancelled."""

    reason: str = ""
    #: The fence of the attempt that ends with it; None where nobody runs the job.
    fence: int | None = None
    type: ClassVar[str] = "job.cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobExpired(JobEvent):
    """T12: no worker claimed the job before its queue deadline."""

    type: ClassVar[str] = "job.expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReleased(JobEvent):
    """T13: a draining owner handed the job back; the attempt does not count."""

    fence: int
    type: ClassVar[str] = "attempt.released"


EVENT_TYPES: Mapping[str, type[JobEvent]] = {cls.type: cls for cls in JobEvent.__subclasses__()}


def event_to_dict(event: JobEvent) -> dict[str, Any]:
    """The fields of `event` without its type, as JSON values."""
    return {f.name: getattr(event, f.name) for f in fields(event)}


def event_from_dict(type_: str, data: Mapping[str, Any]) -> JobEvent:
    """The event that `event_to_dict` described. Fields that this version does not know are ignored,
    so that a log written by a newer release can be read during a rolling update.

    Raises:
        KeyError: there is no event type `type_`.
    """
    cls = EVENT_TYPES[type_]
    known = {f.name for f in fields(cls)}
    values = {name: value for name, value in data.items() if name in known}
    if "reason" in values and cls in (AttemptFailed, JobFailed):
        values["reason"] = FailureReason(values["reason"])
    return cls(**values)
