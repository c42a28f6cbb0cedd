"""DuckDB connections that can touch nothing but what they were given."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from prismlane.engine.data.sql import literal, literals

#: How much a query may spill to disk, in multiples of its memory limit.
_SPILL_FACTOR = 8


def connect(
    *,
    threads: int,
    memory_limit_bytes: int,
    temp_directory: Path,
    allowed_paths: Sequence[Path] = (),
    max_execution_s: float | None = None,
) -> duckdb.DuckDBPyConnection:
    """A fresh in-memory DuckDB that reads and writes `allowed_paths` alone, and cannot be talked out of it.

    What is to be read best comes as registered Arrow, with no path allowed at all. The memory limit is DuckDB's own
    and not a security limit: the process needs one as well.

    Args:
        threads: CPUs that a query may use.
        memory_limit_bytes: above it DuckDB spills to `temp_directory`, then fails.
        temp_directory: where queries may spill; made on first use.
        allowed_paths: exact files, existing or to be written.
        max_execution_s: longest time of one query; no limit where None.
    """
    con = duckdb.connect(":memory:")
    # The order matters: what widens comes before external access goes, and nothing comes after the lock.
    settings = [
        f"temp_directory = {literal(str(temp_directory))}",
        f"allowed_paths = {literals([str(path) for path in allowed_paths])}",
        "enable_external_access = false",
        "autoload_known_extensions = false",
        "autoinstall_known_extensions = false",
        "allow_community_extensions = false",
        "allow_extension_repositories = 'forbidden'",
        "allow_persistent_secrets = false",
        "python_enable_replacements = false",
        f"threads = {threads}",
        f"memory_limit = '{memory_limit_bytes}B'",
        f"max_temp_directory_size = '{memory_limit_bytes * _SPILL_FACTOR}B'",
        f"max_execution_time = {round((max_execution_s or 0) * 1000)}",
        "TimeZone = 'UTC'",
        "enable_progress_bar = true",
        "enable_progress_bar_print = false",
        "lock_configuration = true",
    ]
    for setting in settings:
        con.execute(f"SET {setting}")
    return con
