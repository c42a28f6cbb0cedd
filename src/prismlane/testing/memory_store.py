"""The store in memory: the same promises as on disk, as long as the process lives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prismlane.common.errors import ConflictError, StaleEpochError, StoreUnavailableError
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.model import Attempt, Job
from prismlane.engine.ports import (
    KEY_RETENTION_S,
    Change,
    Checkpoint,
    IdempotencyKey,
    JobFilter,
    StoredEvent,
    Transaction,
)


@dataclass(slots=True)
class _Rows:
    epoch: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    events: dict[str, list[StoredEvent]] = field(default_factory=dict)
    attempts: dict[str, dict[int, Attempt]] = field(default_factory=dict)
    checkpoints: dict[str, dict[tuple[int, int], Checkpoint]] = field(default_factory=dict)
    datasets: dict[str, tuple[str, Dataset]] = field(default_factory=dict)
    keys: dict[tuple[str, str, str], IdempotencyKey] = field(default_factory=dict)


class MemoryStore:
    """A `Store` in memory.

    Args:
        beside: another store whose rows this one shares, as two processes share a database: a second writer, or a
            reader that outlives the first one.
    """

    def __init__(self, *, beside: "MemoryStore | None" = None) -> None:
        self._rows: _Rows = _Rows() if beside is None else beside._rows  # noqa: SLF001 - of its own class
        self._epoch = 0
        self._closed = False

    @property
    def epoch(self) -> int:
        """The epoch that this writer took; 0 before `take_over`."""
        return self._epoch

    async def take_over(self) -> int:
        rows = self._open_rows()
        rows.epoch += 1
        self._epoch = rows.epoch
        return self._epoch

    async def commit(self, transactions: Sequence[Transaction]) -> None:
        """Write all of `transactions`, in order, or nothing.

        Raises:
            StaleEpochError: another writer has taken over.
            ConflictError: the store holds another number of events of a job than its change follows, or an id, or an
                idempotency key that is in force, already.
        """
        rows = self._open_rows()
        if not transactions:
            return
        if self._epoch != rows.epoch or not self._epoch:
            raise StaleEpochError(
                f"this writer has epoch {self._epoch}, the store has {rows.epoch}",
                facts={"epoch": self._epoch, "stored_epoch": rows.epoch},
            )
        self._check(rows, transactions)
        for transaction in transactions:
            _write(rows, transaction)
        for transaction in transactions:
            _remove(rows, transaction)

    async def job(self, tenant: str, job_id: str) -> Job | None:
        return self._job(tenant, job_id)

    async def jobs(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        found = (job for job in self._open_rows().jobs.values() if job.tenant == tenant)
        matching = [job for job in found if _matches(job, wanted) and (before is None or job.id < before)]
        return sorted(matching, key=lambda job: job.id, reverse=True)[:limit]

    async def events(
        self, tenant: str, job_id: str, *, after: int = 0, limit: int = 1000
    ) -> list[StoredEvent]:
        if self._job(tenant, job_id) is None:
            return []
        return [event for event in self._rows.events[job_id] if event.seq > after][:limit]

    async def attempts(self, tenant: str, job_id: str) -> list[Attempt]:
        if self._job(tenant, job_id) is None:
            return []
        return [attempt for _, attempt in sorted(self._rows.attempts.get(job_id, {}).items())]

    async def dataset(self, tenant: str, dataset_id: str) -> Dataset | None:
        owner, dataset = self._open_rows().datasets.get(dataset_id, (None, None))
        return dataset if owner == tenant else None

    async def dataset_with(self, tenant: str, fingerprint: str, name: str) -> Dataset | None:
        matching = (
            dataset
            for dataset in self._datasets(tenant)
            if dataset.fingerprint == fingerprint and dataset.name == name
        )
        return next(matching, None)

    async def datasets(self, tenant: str, *, limit: int, before: str | None = None) -> list[Dataset]:
        found = [dataset for dataset in self._datasets(tenant) if before is None or dataset.id < before]
        return found[:limit]

    async def idempotency_key(self, tenant: str, route: str, key: str) -> IdempotencyKey | None:
        return self._open_rows().keys.get((tenant, route, key))

    async def unfinished_jobs(self) -> list[Job]:
        """All jobs of all tenants that are not terminal, in order of creation."""
        unfinished = (job for job in self._open_rows().jobs.values() if not job.is_terminal)
        return sorted(unfinished, key=lambda job: (job.created_at, job.id))

    async def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Those of one job, in order of pass and partition."""
        found = self._open_rows().checkpoints.get(job_id, {})
        return [checkpoint for _, checkpoint in sorted(found.items())]

    async def live_hashes(self) -> set[str]:
        """Hashes of every blob that a row still names."""
        rows = self._open_rows()
        results = {job.result_hash for job in rows.jobs.values() if job.result_hash is not None}
        states = {point.state_hash for points in rows.checkpoints.values() for point in points.values()}
        datasets = [dataset for _, dataset in rows.datasets.values()]
        return results | states | {d.source_hash for d in datasets} | {d.table_hash for d in datasets}

    async def close(self) -> None:
        """Refuse further calls; the rows stay for the stores beside this one."""
        self._closed = True

    def _open_rows(self) -> _Rows:
        if self._closed:
            raise StoreUnavailableError("this store is closed")
        return self._rows

    def _job(self, tenant: str, job_id: str) -> Job | None:
        job = self._open_rows().jobs.get(job_id)
        return job if job is not None and job.tenant == tenant else None

    def _datasets(self, tenant: str) -> list[Dataset]:
        found = [dataset for owner, dataset in self._open_rows().datasets.values() if owner == tenant]
        return sorted(found, key=lambda dataset: dataset.id, reverse=True)

    @staticmethod
    def _check(rows: _Rows, transactions: Sequence[Transaction]) -> None:
        """Raise, before anything is written, what the rows do not allow."""
        _check_changes(rows, (change for transaction in transactions for change in transaction.changes))
        keys = dict(rows.keys)
        ids = set(rows.datasets)
        for transaction in transactions:
            for key in transaction.keys:
                held = keys.get((key.tenant, key.route, key.key))
                if held is not None and held.created_at > key.created_at - KEY_RETENTION_S:
                    raise ConflictError("an idempotency key is in force for another request")
                keys[key.tenant, key.route, key.key] = key
            for _, dataset in transaction.datasets:
                if dataset.id in ids:
                    raise ConflictError(f"the store holds this already: {dataset.id}")
                ids.add(dataset.id)


def _check_changes(rows: _Rows, changes: Iterable[Change]) -> None:
    seqs: dict[str, int] = {}
    for job in (change.job for change in changes):
        stored = seqs.get(job.id, rows.jobs[job.id].seq if job.id in rows.jobs else 0)
        if job.seq != stored + 1:
            raise ConflictError(
                f"event {job.seq} of {job.id} was not written: the store holds {stored} events of it",
                facts={"job": job.id, "seq": job.seq, "stored_seq": stored or None},
            )
        seqs[job.id] = job.seq


def _write(rows: _Rows, transaction: Transaction) -> None:
    for checkpoint in transaction.checkpoints:
        points = rows.checkpoints.setdefault(checkpoint.job_id, {})
        points[checkpoint.pass_number, checkpoint.partition] = checkpoint
    for change in transaction.changes:
        job = change.job
        rows.jobs[job.id] = job
        events = rows.events.setdefault(job.id, [])
        events.append(StoredEvent(job.id, job.tenant, job.seq, change.event))
        if job.attempt is not None:
            rows.attempts.setdefault(job.id, {})[job.attempt.number] = job.attempt
    for tenant, dataset in transaction.datasets:
        rows.datasets[dataset.id] = (tenant, dataset)
    for key in transaction.keys:
        rows.keys[key.tenant, key.route, key.key] = key


def _remove(rows: _Rows, transaction: Transaction) -> None:
    for job in (change.job for change in transaction.changes):
        if job.is_terminal:
            rows.checkpoints.pop(job.id, None)
    for tenant, dataset_id in transaction.deleted_datasets:
        owner, _ = rows.datasets.get(dataset_id, (None, None))
        if owner == tenant:
            del rows.datasets[dataset_id]


def _matches(job: Job, wanted: JobFilter) -> bool:
    spec = job.spec
    return (
        (not wanted.states or job.state in wanted.states)
        and wanted.analysis in (None, spec.analysis)
        and wanted.dataset_id in (None, spec.dataset_id)
        and all(spec.labels.get(name) == value for name, value in wanted.labels.items())
    )
