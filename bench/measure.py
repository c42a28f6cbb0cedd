"""Yardsticks that all subjects share: wall time and CPU time of a process tree, quantiles of latencies."""

import ctypes
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Span:
    """What a piece of work took; filled in when it ends."""

    wall_s: float = math.nan
    cpu_s: float = math.nan


@contextmanager
def span() -> Iterator[Span]:
    """Measure the body: wall seconds, and CPU seconds of this process and all its descendants."""
    taken = Span()
    cpu_before, wall_before = tree_cpu_s(os.getpid()), time.perf_counter()
    yield taken
    taken.wall_s = time.perf_counter() - wall_before
    taken.cpu_s = tree_cpu_s(os.getpid()) - cpu_before


def tree_cpu_s(root: int) -> float:
    """CPU seconds of `root` and its descendants so far, those that ended and were waited for included.

    `getrusage(RUSAGE_CHILDREN)` alone would count nothing for a daemon or an actor that is still running.
    """
    return sum(_cpu_ticks(pid) for pid in _tree(root)) / _TICKS_PER_S


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that they stay in this process's tree."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def latencies_ms(call: Callable[[], object], n_calls: int) -> list[float]:
    """The milliseconds that each of `n_calls` sequential calls took."""
    taken = []
    for _ in range(n_calls):
        before = time.perf_counter()
        call()
        taken.append((time.perf_counter() - before) * 1000)
    return taken


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _tree(root: int) -> Iterator[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting.extend(parents.get(pid, ()))


def _cpu_ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) if fields else 0


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third (state) on; None where the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
