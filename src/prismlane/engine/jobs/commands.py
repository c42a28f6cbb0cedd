"""What the shell must do after an event: imperative, idempotent, and about memory alone.

Nothing here touches the store: by the time a command runs, the event is durable. After a crash the same structures are
rebuilt from the rows (see `JobBook.load`), so a command that never ran is not missed.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

#: What a timer is for; a job has at most one of each.
TimerKind: TypeAlias = Literal["due", "retry", "queue_deadline", "run_timeout", "cancel_grace"]


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put the job into the claim queue."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Dequeue:
    """Take the job out of the claim queue."""

    job_id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Come back to the job at `at` (seconds since the epoch)."""

    job_id: str
    kind: TimerKind
    at: float


@dataclass(frozen=True, slots=True)
class OpenLease:
    """Expect heartbeats of the attempt with this fence, and end the attempt when they stop."""

    job_id: str
    fence: int
    worker: str


@dataclass(frozen=True, slots=True)
class CloseLease:
    """Expect no more heartbeats of this fence, and give its place back."""

    job_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class TellOwner:
    """Let the owner know that its job has to end."""

    job_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The job is terminal: wake those that wait for it and forget its partitions."""

    job_id: str


Command: TypeAlias = Enqueue | Dequeue | SetTimer | OpenLease | CloseLease | TellOwner | Settle
