"""The DuckDB connections that analyses compute in."""

import atexit
from functools import lru_cache

import duckdb


def connect(threads: int) -> duckdb.DuckDBPyConnection:
    """A connection of its own to this process's database, which reaches no file and no network. The caller closes it.

    Temporary tables and registered Arrow tables belong to the connection and go with it. To open a database costs 20 ms,
    another connection to it 0.1.
    """
    return _database(max(1, threads)).cursor()


@lru_cache(maxsize=4)
def _database(threads: int) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(":memory:", config={"python_enable_replacements": False})
    for setting in (
        "temp_directory = ''",
        "enable_external_access = false",
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "allow_community_extensions = false",
        f"threads = {threads}",
        "TimeZone = 'UTC'",
        "lock_configuration = true",
    ):
        database.execute(f"SET {setting}")
    return database


@atexit.register
def _forget_databases() -> None:
    """A connection that outlives DuckDB's module is reported as leaked on stderr."""
    _database.cache_clear()
