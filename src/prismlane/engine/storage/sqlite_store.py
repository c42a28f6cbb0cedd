"""The store on one SQLite file: everything in one directory, nothing to install or start."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

import apsw

from prismlane.common.errors import ConflictError, StaleEpochError, StoreUnavailableError
from prismlane.engine.ports import Transaction
from prismlane.engine.storage import migrations, rows
from prismlane.engine.storage import statements as sql
from prismlane.engine.storage.directory_lock import DirectoryLock
from prismlane.engine.storage.rows import Row
from prismlane.engine.storage.sqlite_connection import (
    DATABASE_NAME,
    check_integrity,
    connect_readers,
    connect_writer,
    fetch,
    store_errors,
)
from prismlane.engine.storage.sqlite_reader import SqliteReader
from prismlane.engine.storage.statements import Sql
from prismlane.engine.storage.write_batch import WriteBatch, seq_conflict

T = TypeVar("T")


class SqliteStore(SqliteReader):
    """A `Store`. One connection writes, in a thread of its own; reads go through others and see what is committed."""

    def __init__(
        self,
        database: Path,
        writer: apsw.Connection,
        readers: Sequence[apsw.Connection],
        lock: DirectoryLock | None,
    ) -> None:
        super().__init__(database, readers)
        self._writer = writer
        self._lock = lock
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="prismlane-store-write")
        self._epoch = 0

    @classmethod
    def open(cls, directory: Path, *, exclusive: bool = True) -> Self:
        """Open the store in `directory`, which is created where it is missing, and bring its schema up to date.

        The whole database is read and checked. Nothing can be written before `take_over`.

        Args:
            directory: the data directory; its mode is set to 0700.
            exclusive: take the lock on the directory. Without it a second writer can open the store, as it could on a
                file system whose locks do not hold, and only the epoch keeps the first one out.

        Raises:
            StoreInUseError: another process has it open.
            DamagedStoreError: it is damaged.
            StoreUnavailableError: a newer release wrote it, or it cannot be opened.
            StorageFullError: the disk is full.
        """
        database = directory / DATABASE_NAME
        with ExitStack() as undo, store_errors(database):
            _make_private(directory)
            lock = DirectoryLock(directory) if exclusive else None
            if lock is not None:
                undo.callback(lock.release)
            _make_private_file(database)
            _check_and_migrate(database)
            writer = connect_writer(database)
            undo.callback(writer.close)
            store = cls(database, writer, connect_readers(database), lock)
            undo.pop_all()
            return store

    @property
    def epoch(self) -> int:
        """The epoch that this writer took; 0 before `take_over`."""
        return self._epoch

    async def take_over(self) -> int:
        """Raise the epoch by one and become the only writer. Returns the new epoch."""
        self._epoch = await self._write(self._take_over)
        return self._epoch

    async def commit(self, transactions: Sequence[Transaction]) -> None:
        """Write all of `transactions` in one durable commit, in order, or nothing.

        Raises:
            StaleEpochError: another writer has taken over.
            ConflictError: the store holds another number of events of a job than its change follows, or an id, or an
                idempotency key that is in force, already.
            StorageFullError: the disk is full.
            StoreUnavailableError: SQLite could not write.
        """
        if transactions:
            await self._write(lambda: self._commit(transactions))

    async def close(self) -> None:
        """Let what is under way end, then close the file and give the directory back."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As `close`, where no event loop runs."""
        self._writer_thread.shutdown()
        super().close_now()
        self._writer.close()
        if self._lock is not None:
            self._lock.release()

    async def _write(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreUnavailableError(f"{self._database} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._writer_thread, self._transact, work)

    def _transact(self, work: Callable[[], T]) -> T:
        """Run `work` between BEGIN and COMMIT; whatever goes wrong, nothing of it stays."""
        with store_errors(self._database):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                done = work()
                self._writer.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if not self._writer.get_autocommit():
                    self._writer.execute("ROLLBACK")
                raise
            return done

    def _take_over(self) -> int:
        return int(self._writer.execute(sql.RAISE_EPOCH.text, sql.RAISE_EPOCH.fixed).get)

    def _commit(self, transactions: Sequence[Transaction]) -> None:
        self._check_epoch()
        batch = WriteBatch.of(transactions)
        self._execute(sql.INSERT_JOBS, batch.new_job_rows)
        self._execute(sql.INSERT_LABELS, batch.label_rows)
        moved = batch.moved_job_rows
        if self._execute(sql.UPDATE_JOBS, moved) != len(moved):
            raise self._find_conflict(moved)
        self._execute(sql.INSERT_EVENTS, batch.events)
        self._execute(sql.REPLACE_ATTEMPTS, list(batch.attempts.values()))
        self._execute(sql.REPLACE_CHECKPOINTS, list(batch.checkpoints.values()))
        self._execute(sql.DELETE_CHECKPOINTS, batch.ended_job_rows)
        self._execute(sql.INSERT_DATASETS, batch.datasets)
        self._execute(sql.DELETE_DATASETS, batch.deleted_datasets)
        if self._execute(sql.WRITE_KEYS, batch.keys) != len(batch.keys):
            raise ConflictError(
                "an idempotency key is in force for another request",
                facts={"keys": [row["key"] for row in batch.keys]},
            )

    def _check_epoch(self) -> None:
        stored = self._writer.execute(sql.SELECT_EPOCH.text, sql.SELECT_EPOCH.fixed).get or 0
        if stored != self._epoch or not self._epoch:
            raise StaleEpochError(
                f"this writer has epoch {self._epoch}, the store has {stored}",
                hint="End this process: another tracker writes now.",
                facts={"epoch": self._epoch, "stored_epoch": stored},
            )

    def _execute(self, statement: Sql, given: Sequence[Row]) -> int:
        """Run `statement` on the rows; returns how many it changed."""
        if not given:
            return 0
        self._writer.execute(statement.text, statement.bound({"rows": rows.rows_to_json(given)}))
        return self._writer.changes()

    def _find_conflict(self, moved: Sequence[Row]) -> ConflictError:
        """The error for the first of the jobs that is not stored as its change expects it."""
        # Back to what is committed: the jobs that did match have moved on within this transaction.
        self._writer.execute("ROLLBACK")
        ids = rows.rows_to_json([{"id": row["id"]} for row in moved])
        stored = dict(fetch(self._writer, sql.SELECT_SEQS, {"rows": ids}))
        conflicting = [row for row in moved if stored.get(row["id"]) != row["seq_before"]]
        row = conflicting[0] if conflicting else moved[0]
        return seq_conflict(row["id"], row["seq_before"] + 1, stored.get(row["id"]))


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def _make_private_file(database: Path) -> None:
    """Create the file before SQLite does: its log takes over the mode."""
    # Opening and closing a file that a connection of this process has open would drop its locks.
    if not database.exists():
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database.chmod(0o600)


def _check_and_migrate(database: Path) -> None:
    connection = connect_writer(database)
    try:
        check_integrity(connection, database)
        revision = _revision(connection)
    finally:
        connection.close()
    if revision != migrations.HEAD:
        # Imported only where it is needed: alembic costs a start a quarter of a second.
        from prismlane.engine.storage import migrate  # noqa: PLC0415

        if revision is not None:
            migrate.refuse_unknown(revision)
        migrate.migrate(database)


def _revision(connection: apsw.Connection) -> str | None:
    if not connection.table_exists("main", "alembic_version"):
        return None
    revision: str | None = connection.execute("SELECT version_num FROM alembic_version").get
    return revision
