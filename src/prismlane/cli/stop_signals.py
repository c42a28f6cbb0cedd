"""The signals that ask a command to end while it runs an engine."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Hears the signals that ask this process to end. Until `wait` they interrupt what runs, like Ctrl-C."""

    def __init__(self) -> None:
        self._is_waiting = False
        self._asked = threading.Event()

    def listen(self) -> None:
        """Take the signals; again after anything that takes them away, as Ray's core does when it starts.

        Does nothing outside the main thread, where Python gives none.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number in STOP_SIGNALS:
            signal.signal(number, self._hear)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until a signal asks to end; False if none did within `timeout_s`."""
        self._is_waiting = True
        return self._asked.wait(timeout_s)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        is_first = not self._asked.is_set()
        self._asked.set()
        # Only the first: what the interruption cleans up is not to be interrupted itself.
        if is_first and not self._is_waiting:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(128 + number)


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Hears the signals during the block, and gives them back after it."""
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    stop = StopSignals()
    try:
        stop.listen()
        yield stop
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)
