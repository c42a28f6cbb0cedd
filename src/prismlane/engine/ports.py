"""What the core sees of the world: stores, blobs and feeds, as protocols.

Implementations are in `storage` (SQLite, directory) and, in memory, in `prismlane.testing`. One contract suite runs over all.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from prismlane.common.states import JobState
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.events import JobEvent
from prismlane.engine.jobs.model import Attempt, Job

#: How long an idempotency key keeps later requests out (G2). A store lets an older one be used again.
KEY_RETENTION_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Change:
    """One event and the row of the job after it: both are stored, or neither is."""

    job: Job
    event: JobEvent


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for a request that creates something, with a fingerprint of that request."""

    tenant: str
    route: str
    key: str
    fingerprint: str
    #: Id of what the request created.
    created_id: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of one partition in one pass, kept so that a later attempt need not compute it again.

    `partition` is -1 for what a pass hands to the next one.
    """

    job_id: str
    pass_number: int
    partition: int
    state_hash: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """What is written as a whole. Several may share one commit; each is still whole or absent."""

    changes: Sequence[Change] = ()
    keys: Sequence[IdempotencyKey] = ()
    checkpoints: Sequence[Checkpoint] = ()
    datasets: Sequence[tuple[str, Dataset]] = ()
    #: (tenant, dataset id)
    deleted_datasets: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of a job with its number in that job (1..n, no gap)."""

    job_id: str
    tenant: str
    seq: int
    event: JobEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs a list holds. Empty means all."""

    states: Sequence[JobState] = ()
    analysis: str | None = None
    dataset_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


class StoreReader(Protocol):
    """Committed state, for any number of readers. Every query takes the tenant."""

    async def job(self, tenant: str, job_id: str) -> Job | None: ...

    async def jobs(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        """Newest first (by id), those with an id below `before` only."""
        ...

    async def events(
        self, tenant: str, job_id: str, *, after: int = 0, limit: int = 1000
    ) -> list[StoredEvent]:
        """In order of `seq`, those with a seq above `after` only."""
        ...

    async def attempts(self, tenant: str, job_id: str) -> list[Attempt]:
        """In order of their numbers."""
        ...

    async def dataset(self, tenant: str, dataset_id: str) -> Dataset | None: ...

    async def dataset_with(self, tenant: str, fingerprint: str, name: str) -> Dataset | None:
        """The newest dataset of that fingerprint and name that is not deleted."""
        ...

    async def datasets(self, tenant: str, *, limit: int, before: str | None = None) -> list[Dataset]:
        """Newest first (by id), those with an id below `before` only."""
        ...

    async def idempotency_key(self, tenant: str, route: str, key: str) -> IdempotencyKey | None: ...

    async def close(self) -> None: ...


class Store(StoreReader, Protocol):
    """The truth. One writer at a time: the one that holds the highest epoch."""

    @property
    def epoch(self) -> int:
        """The epoch that this writer took; 0 before `take_over`."""
        ...

    async def take_over(self) -> int:
        """Raise the epoch by one and become the only writer. Returns the new epoch."""
        ...

    async def commit(self, transactions: Sequence[Transaction]) -> None:
        """Write all of `transactions` in one durable commit, in order.

        The checkpoints of a job that ends go with its last event.

        Raises:
            StaleEpochError: another writer has taken over, or this one has not; nothing was written.
            ConflictError: the store holds another number of events of a job than its change follows, or an id, or an
                idempotency key that is in force, already; nothing was written.
            StorageFullError: the disk is full; nothing was written.
            StoreUnavailableError: the store did not answer; see the operation's own retry rules.
        """
        ...

    async def unfinished_jobs(self) -> list[Job]:
        """All jobs of all tenants that are not terminal, in order of creation."""
        ...

    async def checkpoints(self, job_id: str) -> list[Checkpoint]: ...

    async def live_hashes(self) -> set[str]:
        """Hashes of every blob that a row still names, for the sweep of orphans."""
        ...


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Bytes by the SHA-256 of their content (64 hex digits)."""

    hash: str
    n_bytes: int


class BlobStore(Protocol):
    """Immutable bytes by content hash. Written beside, synced, renamed: a blob is whole or absent."""

    async def put(self, data: bytes) -> BlobRef: ...

    async def put_stream(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> BlobRef:
        """Raises TooLargeError above `max_bytes`; nothing is kept then."""
        ...

    async def put_file(self, source: Path, *, max_bytes: int) -> BlobRef:
        """Copy a local file in."""
        ...

    async def get(self, hash_: str) -> bytes:
        """The bytes, checked against their hash.

        Raises:
            KeyError: there is no such blob.
            DamagedBlobError: the bytes on disk are not those that were written.
        """
        ...

    async def exists(self, hash_: str) -> bool: ...

    def path(self, hash_: str) -> Path:
        """Where the blob lies as a local file, for readers that map it into memory."""
        ...

    async def delete(self, hashes: Iterable[str]) -> None: ...

    async def hashes(self) -> set[str]:
        """All blobs that are there."""
        ...
