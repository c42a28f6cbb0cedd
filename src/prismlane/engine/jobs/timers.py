"""When to come back to a job: timers by monotonic time."""

from typing import Final, get_args

from prismlane.engine.jobs.commands import TimerKind
from prismlane.engine.jobs.heap import IdHeap

KINDS: Final[tuple[TimerKind, ...]] = get_args(TimerKind)


class Timers:
    """At most one timer a job and kind; each fires once. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._timers: IdHeap[tuple[str, TimerKind]] = IdHeap()

    def __len__(self) -> int:
        return len(self._timers)

    def __contains__(self, timer: tuple[str, TimerKind]) -> bool:
        return timer in self._timers

    def set(self, job_id: str, kind: TimerKind, due_mono: float) -> None:
        """Fire at `due_mono`, instead of at the time that was set before for the same job and kind."""
        self._timers.push((job_id, kind), due_mono)

    def drop(self, job_id: str) -> None:
        """Forget all timers of a job."""
        for kind in KINDS:
            self._timers.discard((job_id, kind))

    def pop_due(self, mono: float) -> list[tuple[str, TimerKind]]:
        """Take out what is due, earliest first."""
        due: list[tuple[str, TimerKind]] = []
        while (found := self._timers.first()) is not None and found[1] <= mono:
            self._timers.pop()
            due.append(found[0])
        return due

    def next_due(self) -> float | None:
        """When the next timer fires; None where there is none."""
        found = self._timers.first()
        return None if found is None else float(found[1])
