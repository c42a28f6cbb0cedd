"""What a command tells on stderr: steps with their seconds, notes and errors. Data go to stdout."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prismlane.cli.terminal import stderr
from prismlane.cli.text import printable
from prismlane.common.errors import PrismlaneError

INDENT = "    "


@dataclass(frozen=True, slots=True)
class Messages:
    """The voice of a command.

    Args:
        verbosity: -1 only errors; 0 the steps; 1 and more also tracebacks.
        color: `auto`, `always` or `never`.
    """

    verbosity: int = 0
    color: str = "auto"

    def say(self, text: str = "") -> None:
        """One line."""
        if self.verbosity >= 0:
            self._write(text)

    def detail(self, text: str) -> None:
        """One line for those who asked for more (-v)."""
        if self.verbosity > 0:
            self._write(text)

    def took(self, step: str, seconds: float) -> None:
        """A step that is done, and its seconds."""
        self.say(f"{seconds:7.2f} s  {step}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell of the step in the block once it is done."""
        started = time.monotonic()
        yield
        self.took(name, time.monotonic() - started)

    def error(self, error: PrismlaneError) -> None:
        """What went wrong, and what to do; with -v also where."""
        if self.verbosity > 0:
            self._write("".join(traceback.format_exception(error)).rstrip())
        self._write(error_text(error))

    def defect(self, error: BaseException) -> None:
        """Something that should not happen; with -v with its traceback."""
        if self.verbosity > 0:
            self._write("".join(traceback.format_exception(error)).rstrip())
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self._write(f"error[internal]: {what}\n{INDENT}this is a defect of prismlane; with -v it shows where")

    @staticmethod
    def _write(text: str) -> None:
        stderr().write(printable(text) + "\n")
        stderr().flush()

    def console(self) -> Any:
        """A Rich console on stderr, for what moves."""
        return console(stderr(), self.color)

    @property
    def can_show_progress(self) -> bool:
        """Whether somebody watches a terminal that can redraw a line."""
        return (
            self.verbosity >= 0 and bool(self.console().is_terminal) and not self.console().is_dumb_terminal
        )


def console(stream: Any, color: str) -> Any:
    """A Rich console on `stream` that adds nothing to a text but what it is told.

    `NO_COLOR` and `TERM=dumb` are obeyed by Rich itself.
    """
    from rich.console import Console

    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        no_color=True if color == "never" else None,
        force_terminal=True if color == "always" else None,
    )


def error_text(error: PrismlaneError) -> str:
    """An error as a person reads it: code and what happened, then why and how to mend it."""
    lines = [f"error[{error.code}]: {error.detail}"]
    lines += [f"{INDENT}{line}" for line in error.hint.splitlines()]
    # Where the sentence says it all already, the places are not repeated.
    lines += [
        f"{INDENT}{wrong.get('pointer', '')}: {wrong.get('detail', '')}"
        for wrong in error.errors
        if wrong.get("detail", "") not in error.detail
    ]
    if error.retry_after_s is not None:
        lines.append(f"{INDENT}try again in {error.retry_after_s:g} s")
    if error.request_id and error.status == 500:
        lines.append(f"{INDENT}request id: {error.request_id}")
    return "\n".join(lines)
