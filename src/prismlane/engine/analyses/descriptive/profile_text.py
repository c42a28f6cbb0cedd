"""Text columns of a partition, grouped and counted by DuckDB."""

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prismlane.engine.analyses.descriptive.profile_state import (
    MAX_EXACT,
    ColumnSketch,
    TextCounts,
    ValueCounts,
)
from prismlane.engine.analyses.sketches.arrays import add_equal, texts
from prismlane.engine.analyses.sketches.distinct import DistinctSketch
from prismlane.engine.analyses.sketches.heavy_hitters import CAPACITY, HeavyHitters

#: Longer texts are known by their beginning and a hash of the whole, so that a state stays small.
MAX_KEY_CHARS = 256
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_KEY = (
    f"CASE WHEN length(v) <= {MAX_KEY_CHARS} THEN v "
    f"ELSE left(v, {MAX_KEY_CHARS - 60}) || '… (' || length(v) || ' characters, ' || md5(v)[:16] || ')' END"
)


class TextColumn:
    """One text column of the table `part` in a connection; its groups are a temporary table."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, label: str) -> None:
        self._connection = connection
        self._groups = f"groups_{label}"
        grouped = f"SELECT v, count(*) AS n FROM ({_values(label)}) GROUP BY v"  # noqa: S608 - names are ours
        connection.execute(f"CREATE TEMP TABLE {self._groups} AS {grouped}")

    def counts(self) -> TextCounts:
        """Lengths, and how many texts are empty, padded, or look like numbers."""
        row = self._connection.sql(
            "SELECT coalesce(sum(n), 0), min(length(v)), max(length(v)), coalesce(sum(length(v) * n), 0), "  # noqa: S608 - names are ours
            "coalesce(sum(n) FILTER (v = ''), 0), coalesce(sum(n) FILTER (v <> trim(v)), 0), "
            # Digits, signs, dots and blanks sort below the colon: other texts need no look by a pattern.
            f"coalesce(sum(n) FILTER (CASE WHEN v < ':' THEN regexp_full_match(trim(v), '{_NUMBER}') END), 0), "
            r"coalesce(sum(n) FILTER (CASE WHEN v < '1' THEN regexp_full_match(v, '0\d+') END), 0) "
            f"FROM {self._groups}"
        ).fetchall()[0]
        names = list(TextCounts.model_fields)
        return TextCounts(
            **{name: None if value is None else int(value) for name, value in zip(names, row, strict=True)}
        )

    def values_or_sketch(self) -> tuple[ValueCounts | None, ColumnSketch | None]:
        """All values with their counts, or their summaries where there are more than MAX_EXACT."""
        (n_distinct,) = self._connection.sql(f"SELECT count(*) FROM {self._groups}").fetchall()[0]  # noqa: S608 - names are ours
        if n_distinct <= MAX_EXACT:
            values, counts = self._most_frequent(MAX_EXACT)
            return ValueCounts(values=values, counts=counts), None
        sketch = ColumnSketch(
            heavy=HeavyHitters.of(*self._most_frequent(CAPACITY + 1)),
            distinct=DistinctSketch.from_query(self._connection, _KEY, self._groups, "VARCHAR"),
        )
        return None, sketch

    def _most_frequent(self, limit: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
        table = self._connection.sql(
            f"SELECT {_KEY} AS key, n FROM {self._groups} ORDER BY n DESC LIMIT {limit}"  # noqa: S608 - names are ours
        ).to_arrow_table()
        counts = np.asarray(table.column("n").to_numpy(), dtype=np.int64)
        return add_equal(texts(table.column("key").to_pylist()), counts)


def count_texts(connection: duckdb.DuckDBPyConnection, label: str, wanted: NDArray[Any]) -> NDArray[np.int64]:
    """How often each of the keys `wanted` stands in the column `label` of the table `part`, in their order."""
    if len(wanted) == 0:
        return np.empty(0, dtype=np.int64)
    connection.register("wanted", pa.table({"key": pa.array(wanted, pa.string())}))
    keys = f"SELECT {_KEY} AS key FROM ({_values(label)})"  # noqa: S608 - names are ours
    rows = connection.sql(f"SELECT key, count(*) FROM ({keys}) SEMI JOIN wanted USING (key) GROUP BY key")  # noqa: S608 - names are ours
    found = dict(rows.fetchall())
    connection.unregister("wanted")
    return np.array([found.get(key, 0) for key in wanted], dtype=np.int64)


def _values(label: str) -> str:
    return f"SELECT CAST({label} AS VARCHAR) AS v FROM part WHERE {label} IS NOT NULL"  # noqa: S608 - names are ours
