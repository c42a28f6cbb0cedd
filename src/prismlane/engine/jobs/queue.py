"""Who is next: jobs that wait for a worker, by priority, then by fair shares of the tenants, then by age."""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from prismlane.engine.jobs.heap import IdHeap

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """What the queue knows of a job. `created_at` is in seconds since the epoch."""

    job_id: str
    tenant: str
    priority: int
    created_at: float
    concurrency_key: str | None

    @property
    def key(self) -> Key | None:
        """The tenant and its concurrency key, or None where the job has none."""
        return None if self.concurrency_key is None else (self.tenant, self.concurrency_key)


class ClaimQueue:
    """The jobs to claim: the highest priority first, within it weighted fair shares, within a tenant the oldest.

    Fair shares by start-time fair queueing (Goyal, Vin & Cheng, 1996): each claim moves its tenant's virtual time on by
    1 / weight, and the tenant that is furthest behind is next. One that was idle starts at the time of the others.

    Of the jobs with the same tenant and concurrency key only the first is ever in line, and none while the key is held;
    so a key with many jobs costs the others nothing.

    Args:
        weights: share of a tenant relative to the others, above 0; 1.0 where a tenant is not named.
    """

    def __init__(self, weights: Mapping[str, float] | None = None) -> None:
        self._weights = dict(weights or {})
        if any(weight <= 0 for weight in self._weights.values()):
            raise ValueError("weights of tenants are above 0")
        self._entries: dict[str, QueueEntry] = {}
        self._bands: dict[int, _Band] = {}
        #: Priorities of the bands that have a job in line, lowest first.
        self._priorities: list[int] = []
        self._lines: dict[Key, _KeyLine] = {}
        self._held: set[Key] = set()

    def __len__(self) -> int:
        """Jobs that wait, those behind a held key among them."""
        return len(self._entries)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._entries

    def push(self, entry: QueueEntry) -> None:
        """Add a job; one that is there already is replaced."""
        self.remove(entry.job_id)
        self._entries[entry.job_id] = entry
        if entry.key is None:
            self._enter_line(entry)
        else:
            line = self._lines.setdefault(entry.key, _KeyLine())
            line.waiting.push(entry.job_id, (-entry.priority, entry.created_at, entry.job_id))
            self._update_line(entry.key)

    def remove(self, job_id: str) -> None:
        """Take a job out, if it is there."""
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return
        if entry.key is None:
            self._leave_line(entry)
            return
        line = self._lines[entry.key]
        line.waiting.discard(job_id)
        if line.shown is entry:
            line.shown = None
            self._leave_line(entry)
        self._update_line(entry.key)

    def peek(self) -> str | None:
        """The job that `claim` would take; None where there is none."""
        return self._bands[self._priorities[-1]].first() if self._priorities else None

    def claim(self) -> str | None:
        """Take the next job out and hold its concurrency key, if it has one; None where there is none to claim."""
        if not self._priorities:
            return None
        priority = self._priorities[-1]
        band = self._bands[priority]
        job_id = band.take()
        self._forget_if_idle(priority, band)
        entry = self._entries.pop(job_id)
        if entry.key is not None:
            line = self._lines[entry.key]
            line.waiting.discard(job_id)
            line.shown = None
            self.hold_key(*entry.key)
        return job_id

    def hold_key(self, tenant: str, key: str) -> None:
        """Keep all jobs with this key back until it is released."""
        self._held.add((tenant, key))
        self._update_line((tenant, key))

    def release_key(self, tenant: str, key: str) -> None:
        """Let the next job with this key in line."""
        self._held.discard((tenant, key))
        self._update_line((tenant, key))

    def _update_line(self, key: Key) -> None:
        """Put the first job of `key` in line, and no other one; none where the key is held."""
        line = self._lines.get(key)
        if line is None:
            return
        found = line.waiting.first()
        if found is None:
            del self._lines[key]
            return
        wanted = None if key in self._held else self._entries[found[0]]
        if wanted is line.shown:
            return
        if line.shown is not None:
            self._leave_line(line.shown)
        if wanted is not None:
            self._enter_line(wanted)
        line.shown = wanted

    def _enter_line(self, entry: QueueEntry) -> None:
        band = self._bands.get(entry.priority)
        if band is None:
            band = self._bands[entry.priority] = _Band(self._weights)
            insort(self._priorities, entry.priority)
        band.add(entry)

    def _leave_line(self, entry: QueueEntry) -> None:
        band = self._bands[entry.priority]
        band.discard(entry)
        self._forget_if_idle(entry.priority, band)

    def _forget_if_idle(self, priority: int, band: "_Band") -> None:
        if band.is_idle:
            del self._bands[priority]
            self._priorities.remove(priority)


@dataclass(slots=True, eq=False)
class _KeyLine:
    """The jobs with one concurrency key: all that wait, and the one that is in line."""

    waiting: IdHeap[str] = field(default_factory=IdHeap)
    shown: QueueEntry | None = None


@dataclass(slots=True, eq=False)
class _Lane:
    """The jobs of one tenant in one band, and the virtual time at which the tenant's next claim starts."""

    jobs: IdHeap[str] = field(default_factory=IdHeap)
    virtual_time: float = 0.0


class _Band:
    """The jobs in line with one priority. A band that falls idle is forgotten, and its virtual time with it."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._lanes: dict[str, _Lane] = {}
        #: Tenants with a job in line, by virtual time.
        self._turns: IdHeap[str] = IdHeap()
        #: Start of the latest claim.
        self._virtual_time = 0.0

    @property
    def is_idle(self) -> bool:
        return not self._turns

    def add(self, entry: QueueEntry) -> None:
        lane = self._lanes.get(entry.tenant)
        if lane is None:
            lane = self._lanes[entry.tenant] = _Lane()
        lane.jobs.push(entry.job_id, (entry.created_at, entry.job_id))
        if entry.tenant not in self._turns:
            lane.virtual_time = max(lane.virtual_time, self._virtual_time)
            self._turns.push(entry.tenant, lane.virtual_time)

    def discard(self, entry: QueueEntry) -> None:
        lane = self._lanes[entry.tenant]
        lane.jobs.discard(entry.job_id)
        if not lane.jobs:
            self._turns.discard(entry.tenant)

    def first(self) -> str | None:
        turn = self._turns.first()
        found = None if turn is None else self._lanes[turn[0]].jobs.first()
        return None if found is None else found[0]

    def take(self) -> str:
        """The next job; there is one, for an idle band is forgotten."""
        turn = self._turns.pop()
        if turn is None:
            raise LookupError("the band is idle")
        tenant, self._virtual_time = turn
        lane = self._lanes[tenant]
        found = lane.jobs.pop()
        if found is None:
            raise LookupError(f"tenant {tenant} has no job in line")
        lane.virtual_time = self._virtual_time + 1.0 / self._weights.get(tenant, 1.0)
        if lane.jobs:
            self._turns.push(tenant, lane.virtual_time)
        return found[0]
