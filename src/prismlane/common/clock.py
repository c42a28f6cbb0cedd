"""Time as a port: the core is handed times, and only shells read a clock."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of wall time and of monotonic time, both in seconds."""

    def now(self) -> float:
        """Seconds since the epoch; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back. Leases and timers use this one."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def rfc3339(epoch_s: float) -> str:
    """`epoch_s` as an RFC 3339 time in UTC with milliseconds, e.g. `2026-11-22T10:00:00.250Z`."""
    at = datetime.fromtimestamp(epoch_s, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
