"""What the readers of all formats share: one conversion of a source into a Parquet table."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from prismlane.common.errors import (
    OutOfMemoryError,
    StorageFullError,
    TooLargeError,
    UnknownColumnError,
    UnreadableDataError,
)
from prismlane.common.wire import ReadOptions
from prismlane.engine.analyses.contract import Monitor
from prismlane.engine.data.lockdown import connect
from prismlane.engine.data.sql import literal
from prismlane.engine.data.watched import run_watched

#: Rows of a row group of the tables that are written.
ROW_GROUP_ROWS = 122_880
#: More columns than this are refused: every analysis, report and schema would drown in them.
MAX_COLUMNS = 10_000
_COMPRESSION = "zstd"
_N_NEAR_NAMES = 3
_PATH_IN_QUOTES = re.compile(r'(file )?"/[^"]*"')


@dataclass(slots=True, kw_only=True)
class Conversion:
    """One source on its way to a table: what was asked, where to write, and what has to be told."""

    source: Path
    scratch: Path
    name: str
    options: ReadOptions
    monitor: Monitor
    max_table_bytes: int
    threads: int = 1
    memory_limit_bytes: int = 1 << 30
    warnings: list[str] = field(default_factory=list)
    _con: duckdb.DuckDBPyConnection | None = None

    @property
    def table_path(self) -> Path:
        """Where the table is written."""
        return self.scratch / "table.parquet"

    def warn(self, text: str) -> None:
        """Add a sentence to what the user is told of the dataset."""
        if text not in self.warnings:
            self.warnings.append(text)

    @property
    def plain_path(self) -> Path:
        """Where a text is written as plain UTF-8, if it has to be."""
        return self.scratch / "plain.txt"

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection of this conversion, which reads the source and writes the table and nothing else."""
        if self._con is None:
            self._con = connect(
                threads=self.threads,
                memory_limit_bytes=self.memory_limit_bytes,
                temp_directory=self.scratch / "spill",
                allowed_paths=[self.source, self.plain_path, self.table_path],
            )
        return self._con

    def close(self) -> None:
        """Let go of the connection."""
        if self._con is not None:
            self._con.close()

    def run(self, query: str, *, phase: str, span: tuple[float, float]) -> list[tuple[Any, ...]]:
        """The rows of `query`; see `run_watched`."""
        return run_watched(self.con, query, self.monitor, phase=phase, span=span)

    def copy(self, select: str, *, phase: str, span: tuple[float, float]) -> int:
        """Write the rows of `select` as the table; returns their number. Nothing is left when it fails.

        Raises:
            TooLargeError: the table grows above its limit.
            duckdb.Error: the rows could not be computed.
        """
        target = literal(str(self.table_path))
        query = (
            f"COPY ({select}) TO {target} (FORMAT parquet, COMPRESSION {_COMPRESSION}, "
            f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}, USE_TMP_FILE false)"
        )
        try:
            rows = run_watched(self.con, query, self.monitor, phase=phase, span=span, guard=self._check_size)
            self._check_size()
        except BaseException:
            self.table_path.unlink(missing_ok=True)
            raise
        return int(rows[0][0])

    def _check_size(self) -> None:
        try:
            n_bytes = self.table_path.stat().st_size
        except FileNotFoundError:
            return
        self.check_bytes(n_bytes)

    def check_bytes(self, n_bytes: int) -> None:
        """Raise TooLargeError where `n_bytes` of data are more than a dataset may have."""
        if n_bytes > self.max_table_bytes:
            raise TooLargeError(
                f"The data of {self.name} take more than {self.max_table_bytes:,} bytes.",
                hint="Register fewer rows or columns, or raise the limit of the server.",
                facts={"max_bytes": self.max_table_bytes},
            )

    def check_width(self, n_columns: int) -> None:
        """Raise UnreadableDataError where there are too many columns."""
        if n_columns > MAX_COLUMNS:
            raise UnreadableDataError(
                f"{self.name} has {n_columns:,} columns; at most {MAX_COLUMNS:,} are read.",
                hint="Is it transposed? Select columns, or turn them into rows.",
                facts={"n_columns": n_columns, "max_columns": MAX_COLUMNS},
            )

    def asked_types(self, names: Sequence[str]) -> Mapping[str, str]:
        """The types that the user asked for, by name.

        Raises:
            UnknownColumnError: a type is asked for a column that is not there.
        """
        for asked in self.options.types:
            if asked not in names:
                raise unknown_column(asked, names, self.name)
        return self.options.types

    def explain(self, error: duckdb.Error) -> Exception:
        """`error` of DuckDB as an error of ours, where its cause lies in the data or the machine."""
        text = str(error)
        if isinstance(error, duckdb.OutOfMemoryException):
            return OutOfMemoryError(f"Reading {self.name} took more memory than it may.")
        if "No space left" in text or "max_temp_directory_size" in text:
            return StorageFullError(f"The disk is full; {self.name} was not read.")
        return UnreadableDataError(
            f"{self.name} cannot be read: {_plain_sentence(text)}.", hint="Check the file in an editor."
        )


def _plain_sentence(text: str) -> str:
    """The first line of a message of DuckDB without its kind and without paths of this machine."""
    sentence = text.partition("\n")[0].partition("Error: ")[2] or text
    return _PATH_IN_QUOTES.sub("the file", sentence).strip().rstrip(". ")


def unknown_column(asked: str, names: Sequence[str], dataset: str) -> UnknownColumnError:
    """The error that says which columns are nearest to the one asked for."""
    by_folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(asked.casefold(), list(by_folded), n=_N_NEAR_NAMES, cutoff=0.5)
    closest = [by_folded[name] for name in near]
    return UnknownColumnError(
        f'"{asked}" is not a column of {dataset} ({len(names)} columns).',
        hint=f"Closest: {', '.join(closest)}." if closest else f"Columns: {', '.join(names[:10])}.",
        facts={"column": asked, "closest": closest, "n_columns": len(names)},
    )


def listed(texts: Iterable[str], limit: int = 5) -> str:
    """`texts` as a short list for a sentence: `a, b, c and 4 more`."""
    items = list(texts)
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit:,} more"
