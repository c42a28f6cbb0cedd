"""The partitions that a node has decoded: loaded once, shared by all its workers, bounded on disk."""

import asyncio
import shutil
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class PartitionKey(NamedTuple):
    """A run of row groups of one table."""

    table_hash: str
    first_row_group: int
    end_row_group: int

    @property
    def file_name(self) -> str:
        """The name of the partition's file in the cache."""
        return f"{self.table_hash}-{self.first_row_group}-{self.end_row_group}.arrow"


#: Writes the partition of a key to a path, whole or not at all.
Load = Callable[[PartitionKey, Path], Awaitable[None]]


@dataclass(slots=True)
class CacheCounters:
    """What the cache has done since it was made. `bytes` is what it holds now, in files."""

    loads: int = 0
    hits: int = 0
    failures: int = 0
    evictions: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Entry:
    path: Path
    n_bytes: int
    #: How often each holder holds it.
    holds: dict[str, int] = field(default_factory=dict)


class PartitionCache:
    """Files by partition, least recently used ones removed above `max_bytes`.

    Of many callers that want the same partition one loads it and all wait; if that fails all of them fail, and the next caller
    tries again. What somebody holds is never removed, so the cache may for a while be larger than `max_bytes`.
    One event loop owns it; no method is safe to call from another thread.

    Args:
        directory: the cache's own; what an earlier process left there is removed.
        max_bytes: of all files together.
        load: makes the file of a partition; runs apart from its callers, so one that goes away stops nothing.
    """

    def __init__(self, directory: Path, max_bytes: int, load: Load) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._load = load
        self._entries: OrderedDict[PartitionKey, _Entry] = OrderedDict()
        self._loading: dict[PartitionKey, asyncio.Task[None]] = {}
        self._n_waiting: Counter[PartitionKey] = Counter()
        self.counters = CacheCounters()
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    async def acquire(self, key: PartitionKey, holder_id: str) -> Path:
        """The file of `key`, which stays there until `holder_id` releases it (as often as it acquired it).

        Raises:
            Exception: what `load` raised.
        """
        key = PartitionKey(*key)
        if key in self._entries:
            self.counters.hits += 1
        else:
            await self._loaded(key)
        # No await from here on, and what is waited for is not evicted: the entry is there.
        entry = self._entries[key]
        self._entries.move_to_end(key)
        entry.holds[holder_id] = entry.holds.get(holder_id, 0) + 1
        self._evict()
        return entry.path

    def release(self, key: PartitionKey, holder_id: str) -> None:
        """Undo one `acquire`. A key that `holder_id` does not hold is left alone: its holds may have been dropped before."""
        entry = self._entries.get(PartitionKey(*key))
        if entry is None or holder_id not in entry.holds:
            return
        entry.holds[holder_id] -= 1
        if entry.holds[holder_id] == 0:
            del entry.holds[holder_id]
        self._evict()

    def release_all(self, holder_id: str) -> None:
        """Drop every hold of a holder that is gone."""
        for entry in self._entries.values():
            entry.holds.pop(holder_id, None)
        self._evict()

    async def close(self) -> None:
        """Stop what is loading and remove all files."""
        loading = list(self._loading.values())
        for task in loading:
            task.cancel()
        await asyncio.gather(*loading, return_exceptions=True)
        self._entries.clear()
        self.counters.bytes = 0
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _loaded(self, key: PartitionKey) -> None:
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load_once(key), name=f"load {key.file_name}")
            # Where every caller went away, nobody else would look at a failure.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._loading[key] = task
        else:
            self.counters.hits += 1
        self._n_waiting[key] += 1
        try:
            await asyncio.shield(task)
        finally:
            self._n_waiting[key] -= 1
            if not self._n_waiting[key]:
                del self._n_waiting[key]

    async def _load_once(self, key: PartitionKey) -> None:
        path = self._directory / key.file_name
        self.counters.loads += 1
        try:
            await self._load(key, path)
            entry = _Entry(path, path.stat().st_size)
        except BaseException:
            self.counters.failures += 1
            path.unlink(missing_ok=True)
            raise
        finally:
            del self._loading[key]
        self._entries[key] = entry
        self.counters.bytes += entry.n_bytes
        self._evict()

    def _evict(self) -> None:
        idle = [key for key, entry in self._entries.items() if not entry.holds and key not in self._n_waiting]
        for key in idle:
            if self.counters.bytes <= self._max_bytes:
                return
            entry = self._entries.pop(key)
            # A process that has the file mapped goes on reading it; the disk is freed when it ends.
            entry.path.unlink(missing_ok=True)
            self.counters.bytes -= entry.n_bytes
            self.counters.evictions += 1
