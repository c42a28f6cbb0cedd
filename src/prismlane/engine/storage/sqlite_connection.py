"""Connections to the store's SQLite file, and SQLite's errors in our words.

The driver is `apsw`, which brings its own SQLite: the one that Python is built with may be older than 3.51.3, which mends
a corruption of databases in WAL mode. Only one SQLite library may have the file open in a process: closing a file drops
all POSIX locks that the process holds on it.
"""

import ctypes
import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

from prismlane.common.errors import (
    ConflictError,
    DamagedStoreError,
    PrismlaneError,
    StorageFullError,
    StoreUnavailableError,
)
from prismlane.engine.storage.statements import Sql

DATABASE_NAME: Final = "prismlane.db"
#: How long a statement waits for a lock that another connection holds.
BUSY_TIMEOUT_MS: Final = 5_000
#: Connections of a reader, each used by one thread at a time: a slow list does not hold up the look-up of one job.
N_READERS: Final = 3

_WRITER_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
    # 64 MiB of pages, so that a group of writes does not spill into the log before it commits.
    "PRAGMA cache_size = -65536",
    # What a long reader let the log grow to is given back.
    "PRAGMA journal_size_limit = 67108864",
)
_READER_PRAGMAS = ("PRAGMA mmap_size = 0", "PRAGMA query_only = ON", "PRAGMA temp_store = MEMORY")


def connect_writer(database: Path) -> apsw.Connection:
    """The connection that writes and checkpoints."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    for pragma in _WRITER_PRAGMAS:
        connection.execute(pragma)
    _keep_log(connection)
    return connection


def connect_readers(database: Path) -> list[apsw.Connection]:
    """`N_READERS` connections that can only read."""
    connections: list[apsw.Connection] = []
    with ExitStack() as undo:
        for _ in range(N_READERS):
            connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
            undo.callback(connection.close)
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            for pragma in _READER_PRAGMAS:
                connection.execute(pragma)
            connections.append(connection)
        undo.pop_all()
    return connections


def fetch(connection: apsw.Connection, sql: Sql, params: Mapping[str, Any]) -> list[list[Any]]:
    """The rows of a list of `statements`, each a list of its columns' values."""
    found: list[list[Any]] = json.loads(connection.execute(sql.text, sql.bound(params)).get)
    return found


def check_integrity(connection: apsw.Connection, database: Path) -> None:
    """Read the whole database and refuse it where its structure is broken.

    Raises:
        DamagedStoreError: it is.
    """
    faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    if faults != ["ok"]:
        raise damaged(database, "; ".join(faults))


def damaged(database: Path, what: str) -> DamagedStoreError:
    """The error for a database that cannot be trusted."""
    return DamagedStoreError(
        f"{database} is damaged: {what}",
        hint=(
            f"Stop the engine, keep a copy of {database.parent}, and restore that directory from a backup; "
            f"`sqlite3 {database} .recover` may save rows where there is none. Check the disk."
        ),
        facts={"database": str(database)},
    )


@contextmanager
def store_errors(database: Path) -> Iterator[None]:
    """Raise the errors of SQLite and of the file system as errors of Prismlane."""
    try:
        yield
    except (apsw.Error, OSError) as error:
        raise _translated(error, database) from error


def _translated(error: apsw.Error | OSError, database: Path) -> PrismlaneError:
    facts = {"database": str(database)}
    match error:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return StorageFullError(f"there is no space left for {database}: {error}", facts=facts)
        case apsw.FullError():
            return StorageFullError(f"there is no space left for {database}: {error}", facts=facts)
        case apsw.CorruptError() | apsw.NotADBError():
            return damaged(database, str(error))
        case apsw.ConstraintError():
            return ConflictError(f"the store holds this already: {error}", facts=facts)
    return StoreUnavailableError(f"{database} does not answer: {error}", facts=facts)


def _keep_log(connection: apsw.Connection) -> None:
    """Leave the log's files when the last connection closes, so that readers can open the database without a writer."""
    keep = ctypes.c_int(1)
    connection.file_control("main", apsw.SQLITE_FCNTL_PERSIST_WAL, ctypes.addressof(keep))
