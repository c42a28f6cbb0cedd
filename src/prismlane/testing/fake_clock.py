"""A clock that moves when a test says so."""


class FakeClock:
    """A `Clock` that starts at `now` (seconds since the epoch) and stands still until it is moved."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now_s = now
        self._monotonic_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now_s

    def monotonic(self) -> float:
        """Seconds that have passed since the clock was made, whatever was done to the wall time."""
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is below 0; a wall clock that is set back is `jump_wall`.
        """
        if seconds < 0:
            raise ValueError(f"time does not pass backwards: {seconds} s")
        self._now_s += seconds
        self._monotonic_s += seconds

    def jump_wall(self, seconds: float) -> None:
        """Set the wall time forward, or back where `seconds` is below 0, while no time passes."""
        self._now_s += seconds
