"""An engine inside the process of a command, which ends with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prismlane.cli.messages import Messages
from prismlane.cli.stop_signals import StopSignals
from prismlane.cli.terminal import kept_for_us
from prismlane.client.local import LocalEngine, start_engine


@contextmanager
def own_engine(settings: Any, messages: Messages, stop: StopSignals) -> Iterator[LocalEngine]:
    """Start an engine with `settings`, an `EngineSettings`; end it after the block.

    While it lives, only `messages` and the command's output reach the terminal.

    Raises:
        EngineMissingError: only the client is installed.
    """
    with kept_for_us(settings.data.logs) as log:

        def done(step: str, seconds: float) -> None:
            # Ray's core has taken SIGTERM, to print where it was when it came.
            stop.listen()
            messages.took(step, seconds)

        messages.detail(f"what Ray writes goes to {log}")
        messages.detail(f"what the engine writes goes to {settings.data.logs}")
        engine = start_engine(settings, done)
        try:
            stop.listen()
            yield engine
        finally:
            with messages.step("end the engine"):
                engine.stop()
