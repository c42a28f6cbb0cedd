"""Why a child process ended, told from what the kernel says and from its last words."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismlane.common.errors import (
    AttemptEndedError,
    ChildDiedError,
    DeadlineExceededError,
    OutOfMemoryError,
)

#: Exit code of a child that could not even report that it ran out of memory.
EXIT_OUT_OF_MEMORY = 86

#: Signals that native code ends by when an allocation failed and nobody expected it.
_CRASHES = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP}
_NO_MEMORY = re.compile(
    r"bad_alloc|MemoryError|Cannot allocate memory|out of memory|memory allocation .*failed|malloc.*failed",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: `code` if by itself, `signal_number` if by a signal, neither if nobody saw it."""

    code: int | None = None
    signal_number: int | None = None

    @classmethod
    def of_status(cls, status: int | None) -> "Exit":
        """From a return code in the manner of `subprocess`: negative for a signal, None for unknown."""
        if status is None:
            return cls()
        return cls(code=status) if status >= 0 else cls(signal_number=-status)

    @property
    def signal_name(self) -> str | None:
        """E.g. `SIGKILL`; None where it was no signal."""
        if self.signal_number is None:
            return None
        try:
            return signal.Signals(self.signal_number).name
        except ValueError:
            return f"signal {self.signal_number}"

    def __str__(self) -> str:
        if self.signal_name is not None:
            return f"ended by {self.signal_name}"
        return "gone without a trace" if self.code is None else f"exit code {self.code}"


def error_of_exit(end: Exit, *, last_lines: Sequence[str], n_oom_kills: int) -> AttemptEndedError:
    """The error of a call during which the child ended without being told to.

    Args:
        end: how it ended.
        last_lines: the end of what it wrote to its standard streams.
        n_oom_kills: how many processes the kernel has killed for want of memory meanwhile.
    """
    facts: dict[str, Any] = {"exit_code": end.code, "signal": end.signal_name}
    if end.signal_number == signal.SIGXCPU:
        return DeadlineExceededError("The job used more CPU time than it may have.", facts=facts)
    starved = end.signal_number in _CRASHES and any(_NO_MEMORY.search(line) for line in last_lines)
    if end.code == EXIT_OUT_OF_MEMORY or starved:
        return OutOfMemoryError("The analysis ran out of memory, and its process ended.", facts=facts)
    if end.signal_number == signal.SIGKILL and n_oom_kills > 0:
        return OutOfMemoryError(
            "The machine ran out of memory, and the kernel killed the process.", facts=facts
        )
    return ChildDiedError(f"The process that computed the job died ({end}).", facts=facts)


def count_oom_kills() -> int:
    """How many processes the kernel of this machine has killed for want of memory since it started."""
    found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0
