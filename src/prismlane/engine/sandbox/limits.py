"""How much a child may use, as limits that the kernel holds."""

import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prismlane.engine.sandbox.controls import Control, attempt

MIB = 1 << 20
GIB = 1 << 30

#: A child ends after so many times the CPU time of one call, whatever it does to its own soft limit.
LIFETIME_CALLS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one child may use.

    `memory_bytes` is what analysis code may allocate beyond what a warm, idle child has. It is held by RLIMIT_DATA, which
    counts private writable memory: heaps, arrays, DuckDB's buffers, 8 MiB of stack a thread. Measured: a child with
    DuckDB, pyarrow and numpy starts at 374 MiB of address space and 102 MiB of such memory; a first DuckDB connection
    adds 576 MiB of address space but 65 MiB of memory, and pyarrow reserves 1 GiB of address space. So an address-space
    limit (RLIMIT_AS) near the memory limit would stop honest work; it stands `mapped_bytes` higher, and holds mapped
    files and shared memory.
    """

    memory_bytes: int = 2 * GIB
    #: CPU time of one call, over all threads.
    cpu_s: int = 3600
    #: The largest file that may be written.
    file_bytes: int = 2 * GIB
    n_files: int = 256
    #: Processes and threads at one time, as the kernel counts them (RLIMIT_NPROC).
    n_processes: int = 128
    #: Address space for mapped files and reservations, above `memory_bytes`.
    mapped_bytes: int = 4 * GIB
    #: Threads of numpy's and Arrow's pools; DuckDB is told by who opens it.
    n_threads: int = 1
    #: Whether the child may start processes at all.
    may_fork: bool = False

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "cpu_s", "file_bytes", "n_files", "n_processes", "n_threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.mapped_bytes < 0:
            raise ValueError("mapped_bytes must not be negative")

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)


def apply_limits(limits: Limits, *, counts_own_processes: bool) -> list[Control]:
    """Set all limits on this process, for good: hard limits cannot be raised again without privileges.

    Args:
        limits: what may be used.
        counts_own_processes: whether the process is in a user namespace of its own. If not, the kernel counts all
            processes of the user, and a limit would depend on what else runs.
    """
    space_bytes, data_bytes = memory_in_use_bytes()
    max_data_bytes = data_bytes + limits.memory_bytes
    max_space_bytes = space_bytes + limits.memory_bytes + limits.mapped_bytes

    def memory() -> str:
        _set(resource.RLIMIT_AS, max_space_bytes)
        _set(resource.RLIMIT_DATA, max_data_bytes)
        return f"RLIMIT_DATA {max_data_bytes // MIB} MiB, RLIMIT_AS {max_space_bytes // MIB} MiB"

    def cpu() -> str:
        start_cpu_budget(limits.cpu_s, lifetime_s=LIFETIME_CALLS * limits.cpu_s)
        return f"RLIMIT_CPU {limits.cpu_s} s a call, {LIFETIME_CALLS * limits.cpu_s} s a child"

    return [
        attempt("memory", memory),
        attempt("cpu_time", cpu),
        attempt("file_size", lambda: _set(resource.RLIMIT_FSIZE, limits.file_bytes)),
        attempt("open_files", lambda: _set(resource.RLIMIT_NOFILE, limits.n_files)),
        attempt("no_core_dumps", lambda: _set(resource.RLIMIT_CORE, 0)),
        _limit_processes(limits.n_processes, counts_own_processes=counts_own_processes),
    ]


def start_cpu_budget(cpu_s: int, *, lifetime_s: int | None = None) -> None:
    """Let this process be killed by SIGXCPU after `cpu_s` more seconds of CPU time.

    Args:
        cpu_s: what the next call may use.
        lifetime_s: what the process may use in all; unchanged where None.
    """
    hard_s = resource.getrlimit(resource.RLIMIT_CPU)[1] if lifetime_s is None else lifetime_s
    soft_s = int(cpu_used_s()) + 1 + cpu_s
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft_s if hard_s == resource.RLIM_INFINITY else min(soft_s, hard_s), hard_s)
    )


def cpu_used_s() -> float:
    """CPU time that this process has used, with all its threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory_in_use_bytes(pid: int | None = None) -> tuple[int, int]:
    """Address space and private writable memory of a process (this one), as RLIMIT_AS and RLIMIT_DATA count them."""
    pages = Path(f"/proc/{pid or 'self'}/statm").read_text().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[5]) * resource.getpagesize()


def _limit_processes(n_processes: int, *, counts_own_processes: bool) -> Control:
    name = "process_count"
    if not counts_own_processes:
        return Control(
            name, on=False, reason="without a user namespace the kernel counts all processes of the user"
        )
    if _is_root_outside():
        return Control(name, on=False, reason="the kernel exempts root from RLIMIT_NPROC")
    return attempt(name, lambda: f"{_set(resource.RLIMIT_NPROC, n_processes)}, threads included")


def _is_root_outside() -> bool:
    inside_first, outside_first, _ = Path("/proc/self/uid_map").read_text().split()[:3]
    return inside_first == outside_first == "0"


_NAMES = {
    resource.RLIMIT_FSIZE: "RLIMIT_FSIZE",
    resource.RLIMIT_NOFILE: "RLIMIT_NOFILE",
    resource.RLIMIT_CORE: "RLIMIT_CORE",
    resource.RLIMIT_NPROC: "RLIMIT_NPROC",
}


def _set(kind: int, value: int) -> str:
    hard = resource.getrlimit(kind)[1]
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (allowed, allowed))
    return f"{_NAMES.get(kind, kind)} {allowed}"
