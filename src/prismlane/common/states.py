"""The states of jobs and attempts, as every surface names them."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is in its life."""

    SCHEDULED = "scheduled"
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    RETRY_WAIT = "retry_wait"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether no later event can change a job in this state."""
        return self in TERMINAL_STATES


TERMINAL_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})


class AttemptState(StrEnum):
    """Where one run of a job is in its life."""

    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    RELEASED = "released"
    CANCELLED = "cancelled"

    @property
    def is_live(self) -> bool:
        """Whether the attempt still owns its job."""
        return self in (AttemptState.CLAIMED, AttemptState.RUNNING)


class FailureReason(StrEnum):
    """Why an attempt or a job failed."""

    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"
    POISON = "poison"
    INVALID_DATA = "invalid_data"
    OVER_BUDGET = "over_budget"
