"""Committed state out of SQLite, for any number of processes beside the one that writes."""

import asyncio
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import apsw

from prismlane.common.errors import StoreUnavailableError
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.model import Attempt, Job
from prismlane.engine.ports import Checkpoint, IdempotencyKey, JobFilter, StoredEvent
from prismlane.engine.storage import rows
from prismlane.engine.storage import statements as sql
from prismlane.engine.storage.sqlite_connection import DATABASE_NAME, connect_readers, fetch, store_errors
from prismlane.engine.storage.statements import Sql

T = TypeVar("T")

#: Jobs in one step of `unfinished_jobs`: SQLite's longest string is 1 GB.
_UNFINISHED_PAGE: Final = 5_000


class SqliteReader:
    """A `StoreReader` over the database of a data directory, opened read-only."""

    def __init__(self, database: Path, connections: Sequence[apsw.Connection]) -> None:
        self._database = database
        self._connections = connections
        self._idle: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        for connection in connections:
            self._idle.put(connection)
        self._threads = ThreadPoolExecutor(len(connections), thread_name_prefix="prismlane-store-read")
        self._closed = False

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Read the store in `directory`, which a writer must have opened once.

        Raises:
            StoreUnavailableError: there is no store.
        """
        database = directory / DATABASE_NAME
        if not database.is_file():
            raise StoreUnavailableError(
                f"there is no store in {directory}",
                hint="Start the engine on this directory first: it creates the store.",
                facts={"directory": str(directory)},
            )
        with store_errors(database):
            return cls(database, connect_readers(database))

    async def job(self, tenant: str, job_id: str) -> Job | None:
        found = await self._list(sql.SELECT_JOB, rows.job_from_row, tenant=tenant, id=job_id)
        return found[0] if found else None

    async def jobs(
        self, tenant: str, wanted: JobFilter, *, limit: int, before: str | None = None
    ) -> list[Job]:
        states = list(dict.fromkeys(wanted.states))
        statement = sql.select_jobs(
            n_states=len(states),
            n_labels=len(wanted.labels),
            by_analysis=wanted.analysis is not None,
            by_dataset=wanted.dataset_id is not None,
            paged=before is not None,
        )
        params: dict[str, Any] = {f"state_{number}": state for number, state in enumerate(states)}
        for number, (name, value) in enumerate(wanted.labels.items()):
            params |= {f"name_{number}": name, f"value_{number}": value}
        params |= {"analysis": wanted.analysis, "dataset_id": wanted.dataset_id, "before": before}
        return await self._list(statement, rows.job_from_row, tenant=tenant, limit=limit, **params)

    async def events(
        self, tenant: str, job_id: str, *, after: int = 0, limit: int = 1000
    ) -> list[StoredEvent]:
        return await self._list(
            sql.SELECT_EVENTS, rows.event_from_row, tenant=tenant, job_id=job_id, after=after, limit=limit
        )

    async def attempts(self, tenant: str, job_id: str) -> list[Attempt]:
        return await self._list(
            sql.SELECT_ATTEMPTS, lambda row: rows.attempt_from_body(row[0]), tenant=tenant, job_id=job_id
        )

    async def dataset(self, tenant: str, dataset_id: str) -> Dataset | None:
        found = await self._list(sql.SELECT_DATASET, _dataset, tenant=tenant, id=dataset_id)
        return found[0] if found else None

    async def dataset_with(self, tenant: str, fingerprint: str, name: str) -> Dataset | None:
        found = await self._list(
            sql.SELECT_DATASET_WITH, _dataset, tenant=tenant, fingerprint=fingerprint, name=name
        )
        return found[0] if found else None

    async def datasets(self, tenant: str, *, limit: int, before: str | None = None) -> list[Dataset]:
        statement = sql.select_datasets(paged=before is not None)
        return await self._list(statement, _dataset, tenant=tenant, limit=limit, before=before)

    async def idempotency_key(self, tenant: str, route: str, key: str) -> IdempotencyKey | None:
        found = await self._list(
            sql.SELECT_KEY, lambda row: IdempotencyKey(*row), tenant=tenant, route=route, key=key
        )
        return found[0] if found else None

    async def unfinished_jobs(self) -> list[Job]:
        """All jobs of all tenants that are not terminal, in order of creation."""
        return await self.run(_unfinished_jobs)

    async def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Those of one job, in order of pass and partition."""
        return await self._list(sql.SELECT_CHECKPOINTS, lambda row: Checkpoint(*row), job_id=job_id)

    async def live_hashes(self) -> set[str]:
        """Hashes of every blob that a row still names."""
        return set(await self._list(sql.SELECT_LIVE_HASHES, lambda row: str(row[0])))

    async def close(self) -> None:
        """Let the reads under way end, then close the file."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As `close`, where no event loop runs."""
        self._closed = True
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()

    async def run(self, read: Callable[[apsw.Connection], T]) -> T:
        """What `read` returns, called in a thread with a connection of its own."""
        if self._closed:
            raise StoreUnavailableError(f"the reader of {self._database} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, read)

    def _read(self, read: Callable[[apsw.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            with store_errors(self._database):
                return read(connection)
        finally:
            self._idle.put(connection)

    async def _list(self, statement: Sql, build: Callable[[list[Any]], T], **params: Any) -> list[T]:
        return await self.run(lambda connection: [build(row) for row in fetch(connection, statement, params)])


def _dataset(row: list[Any]) -> Dataset:
    return rows.dataset_from_body(row[0])


def _unfinished_jobs(connection: apsw.Connection) -> list[Job]:
    jobs: list[Job] = []
    after = {"created_at": float("-inf"), "id": ""}
    with connection:  # one snapshot for all pages
        while page := fetch(connection, sql.SELECT_UNFINISHED, {**after, "limit": _UNFINISHED_PAGE}):
            jobs += [rows.job_from_row(row[:-1]) for row in page]
            after = {"created_at": page[-1][-1], "id": page[-1][0]}
    return jobs
