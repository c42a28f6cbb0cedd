"""The first pass of a profile: one look at each column of a partition.

Numbers and times are sorted by numpy, and their distinct values counted: to sort a million float64 takes 6 ms, where
DuckDB's group by takes 45 and its t-digest 64. Texts are grouped by DuckDB.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pyarrow as pa

from prismlane.engine.analyses.contract import Context
from prismlane.engine.analyses.descriptive.profile_columns import (
    Chunked,
    finite_values,
    is_integral,
    kind_of,
    sql_type,
    time_unit,
    true_and_false,
)
from prismlane.engine.analyses.descriptive.profile_state import (
    ColumnState,
    ProfileState,
    TextCounts,
    ValueCounts,
    values_or_sketch,
)
from prismlane.engine.analyses.descriptive.profile_text import TextColumn
from prismlane.engine.analyses.sketches.arrays import runs, texts
from prismlane.engine.analyses.sql import connect


def first_pass(part: pa.Table, names: list[str], ctx: Context) -> ProfileState:
    """The state of the columns `names` of one partition."""
    columns = []
    with text_connection(part, names, ctx.threads) as connection:
        for number, name in enumerate(names):
            ctx.check()
            columns.append(_column_state(part, name, connection, number))
            ctx.progress((number + 1) / len(names), "reading columns")
    return ProfileState(n_rows=part.num_rows, columns=columns)


@contextmanager
def text_connection(part: pa.Table, names: list[str], threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB over the text columns of `part` as the table `part`; column `names[i]` is called `c<i>` there.

    Names of columns are anybody's text; none gets into a query.
    """
    texts = [
        (f"c{i}", name) for i, name in enumerate(names) if kind_of(part.schema.field(name).type) == "text"
    ]
    connection = connect(threads)
    try:
        if texts:
            table = pa.table([part.column(name) for _, name in texts], [label for label, _ in texts])
            connection.register("part", table)
        yield connection
    finally:
        connection.close()


def _column_state(
    part: pa.Table, name: str, connection: duckdb.DuckDBPyConnection, number: int
) -> ColumnState:
    column: Chunked = part.column(name)
    kind = kind_of(column.type)
    state = ColumnState(
        name=name,
        type=sql_type(column.type),
        kind=kind,
        unit=time_unit(column.type) if kind == "time" else "",
        integral=is_integral(column.type),
        n_null=column.null_count,
    )
    if kind == "text" and column.null_count == len(column):
        no_values = ValueCounts(values=texts([]), counts=np.empty(0, dtype=np.int64))
        return state.model_copy(update={"text": TextCounts(), "counts": no_values})
    if kind == "text":
        return _with_texts(state, TextColumn(connection, f"c{number}"))
    if kind == "boolean":
        return _with_truths(state, column)
    return state if kind == "other" else _with_numbers(state, column)


def _with_numbers(state: ColumnState, column: Chunked) -> ColumnState:
    found = finite_values(column)
    counts, sketch = values_or_sketch(*runs(np.sort(found.values)))
    return state.model_copy(
        update={"n_nan": found.n_nan, "n_infinite": found.n_infinite, "counts": counts, "sketch": sketch}
    )


def _with_truths(state: ColumnState, column: Chunked) -> ColumnState:
    n_true, n_false = true_and_false(column)
    counts = np.array([n_false, n_true], dtype=np.int64)
    kept = counts > 0
    values, _ = values_or_sketch(np.array([0, 1], dtype=np.int64)[kept], counts[kept])
    return state.model_copy(update={"counts": values})


def _with_texts(state: ColumnState, column: TextColumn) -> ColumnState:
    counts, sketch = column.values_or_sketch()
    return state.model_copy(update={"text": column.counts(), "counts": counts, "sketch": sketch})
