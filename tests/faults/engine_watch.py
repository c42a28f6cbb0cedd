"""How the tests of faults look at an engine: what its jobs went through, and which processes it is made of."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError

from prismlane.client import Job
from prismlane.common.errors import PrismlaneError
from prismlane.testing.engine_process import EngineProcess

T = TypeVar("T")

#: Short, so that what waits for a lease or a hang does not wait for long.
QUICK = {
    "PRISMLANE_TRACKER__LEASE_S": "12",
    "PRISMLANE_TRACKER__HEARTBEAT_S": "0.5",
    "PRISMLANE_WORKER__HUNG_S": "20",
    "PRISMLANE_WORKER__MEMORY_BYTES": str(512 << 20),
}
#: Generous: what takes a second on a quiet machine may take many on a busy one.
PATIENCE_S = 90.0
TERMINAL_EVENTS = {"job.succeeded", "job.failed", "job.cancelled", "job.expired"}


def until(condition: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
    """The first true value of `condition`; what the engine cannot answer yet counts as false."""
    give_up_at = time.monotonic() + within_s
    last: Any = None
    while time.monotonic() < give_up_at:
        try:
            last = condition()
        except (PrismlaneError, URLError, ConnectionError, TimeoutError, LookupError) as error:
            last = error
        else:
            if last:
                return last
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {within_s:g} s; last seen: {last!r}")


def computing(job: Job) -> Job:
    """The job, once its analysis is under way in a child and has told so."""
    until(lambda: job.refresh().view.progress is not None, f"{job.id} computes")
    return job


def events_of(job: Job) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of all events of a job that has ended, after a check that they are a whole story."""
    history = list(job.wait(PATIENCE_S).history())
    assert [event.seq for event in history] == list(range(1, len(history) + 1)), "no gap, no double"
    types = [event.type for event in history]
    assert sum(type_ in TERMINAL_EVENTS for type_ in types) == 1, f"one end: {types}"
    assert types[-1] in TERMINAL_EVENTS
    return [(event.type, event.data) for event in history]


def types_of(job: Job) -> list[str]:
    """The types of all events of a job that has ended."""
    return [type_ for type_, _ in events_of(job)]


def reasons_of(job: Job) -> list[str]:
    """Why attempts of the job had to be tried again."""
    return [data["reason"] for type_, data in events_of(job) if type_ == "attempt.failed"]


def live_workers(engine: EngineProcess) -> dict[str, int]:
    """The pid of each worker that the tracker heard lately, by its incarnation."""
    return {worker["id"]: worker["pid"] for worker in engine.ready()["workers"] if worker["seen_s"] < 3.0}


def owner_of(engine: EngineProcess, job: Job) -> dict[str, Any]:
    """The worker that owns the job."""
    workers = until(lambda: [w for w in engine.ready()["workers"] if job.id in w["jobs"]], "it has an owner")
    return workers[0]


def child_of(engine: EngineProcess, worker_pid: int) -> int:
    """The process in which a worker computes."""
    return until(
        lambda: [pid for pid in engine.child_pids() if parent_of(parent_of(pid)) == worker_pid],
        f"worker {worker_pid} has a child",
    )[0]


def parent_of(pid: int) -> int:
    """The parent of a process; 0 where there is none any more."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True
