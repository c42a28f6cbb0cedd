"""What a job is: frozen values that only `apply` (in `transitions`) moves on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prismlane.common.states import AttemptState, FailureReason, JobState

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked for, fixed when the job is accepted. Times are seconds since the epoch."""

    analysis: str
    analysis_version: str
    params: Json = field(default_factory=dict)
    dataset_id: str | None = None
    dataset_fingerprint: str | None = None
    seed: int = 0
    #: How many partitions each pass visits; 1 for an analysis that sees its table in one call.
    n_partitions: int = 1
    #: How many times the partitions are visited.
    n_passes: int = 1
    #: 0 (background) to 9 (urgent).
    priority: int = 5
    labels: Mapping[str, str] = field(default_factory=dict)
    #: At most one job with the same tenant and key runs at a time.
    concurrency_key: str | None = None
    not_before: float | None = None
    #: The job expires if no worker has claimed it by then.
    queue_deadline: float | None = None
    run_timeout_s: float = 3600.0
    max_attempts: int = 3
    waits_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One run of a job by one worker incarnation."""

    number: int
    fence: int
    worker: str
    state: AttemptState
    claimed_at: float
    ended_at: float | None = None
    reason: FailureReason | None = None
    error: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequest:
    """Why a running job has to end, and how."""

    at: float
    #: True: the child is killed at once. False: it is asked first, and killed after `grace_s`.
    force: bool = False
    grace_s: float = 10.0
    reason: str = ""
    #: What the job ends as: `cancelled`, or `failed` with reason `timeout`.
    timed_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The state of a job: the fold of its events 1..seq."""

    id: str
    tenant: str
    spec: JobSpec
    state: JobState
    seq: int
    created_at: float
    updated_at: float
    started_at: float | None = None
    finished_at: float | None = None
    #: The highest fence given out; an owner whose fence is lower is stale.
    fence: int = 0
    #: Attempts that count against `max_attempts`; a released one does not.
    n_attempts: int = 0
    #: Attempts that took a process down with them.
    n_crashes: int = 0
    attempt: Attempt | None = None
    retry_at: float | None = None
    cancel: CancelRequest | None = None
    reason: FailureReason | None = None
    error: Json | None = None
    result_hash: str | None = None
    result_bytes: int | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether no later event can change this job."""
        return self.state.is_terminal

    @property
    def owner_fence(self) -> int | None:
        """The fence of the live attempt, or None where nobody owns the job."""
        return self.attempt.fence if self.attempt and self.attempt.state.is_live else None
