"""The DuckDB connection that analyses compute in."""

import duckdb


def connect(threads: int) -> duckdb.DuckDBPyConnection:
    """A connection of its own, in memory, that reaches no file and no network."""
    connection = duckdb.connect(":memory:")
    connection.execute(f"SET threads = {max(1, threads)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
