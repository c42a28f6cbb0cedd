"""Record batches of a typed source, written as the table."""

from collections.abc import Iterable, Iterator

import duckdb
import pyarrow as pa

from prismlane.common.errors import PrismlaneError, UnreadableDataError
from prismlane.engine.data.conversion import Conversion, listed
from prismlane.engine.data.csv_dialect import unique_names
from prismlane.engine.data.typed_columns import columns_of, misfit_of, projection

#: Rows that are decoded at once.
BATCH_ROWS = 65_536


def readable_schema(schema: pa.Schema) -> pa.Schema:
    """`schema` with unique names and with the types that DuckDB reads, none of them narrower."""
    names = unique_names(schema.names)
    return pa.schema(
        [
            pa.field(name, _readable(field.type), field.nullable)
            for name, field in zip(names, schema, strict=True)
        ]
    )


def _readable(type_: pa.DataType) -> pa.DataType:
    if pa.types.is_float16(type_):
        return pa.float32()
    if pa.types.is_decimal256(type_):
        return pa.string()
    return type_


def write_batches(conversion: Conversion, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write `batches` of `schema` as the table, with the types that the user asked for.

    Raises:
        UnreadableDataError: a batch is damaged, or a value is not of the type asked for.
        TooLargeError: the decoded batches are larger than a dataset may be.
    """
    readable = readable_schema(schema)
    _tell_new_names(conversion, schema, readable)
    asked = conversion.asked_types(readable.names)
    feed = _Feed(conversion, readable, batches)
    try:
        columns = columns_of(conversion.con, readable, conversion.name)
        projections = ", ".join(
            projection(column.name, column.type, asked.get(column.name), f"c{index}")
            for index, column in enumerate(columns)
        )
        numbered = pa.schema([field.with_name(f"c{index}") for index, field in enumerate(readable)])
        conversion.con.register(
            "batches", pa.RecordBatchReader.from_batches(numbered, feed.batches(numbered))
        )
        conversion.copy(f"SELECT {projections} FROM batches", phase="reading", span=(0.1, 1.0))  # noqa: S608 - names are quoted
    except duckdb.Error as error:
        raise feed.failure or misfit_of(error, conversion.name) or conversion.explain(error) from error
    finally:
        conversion.con.unregister("batches")


class _Feed:
    """Hands checked batches to DuckDB, which would turn an exception into text: it is kept here."""

    def __init__(self, conversion: Conversion, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        self._conversion = conversion
        self._schema = schema
        self._batches = batches
        self.failure: PrismlaneError | None = None

    def batches(self, numbered: pa.Schema) -> Iterator[pa.RecordBatch]:
        n_bytes = 0
        try:
            for batch in self._batches:
                batch.validate(full=True)
                n_bytes += batch.nbytes
                self._conversion.check_bytes(n_bytes)
                arrays = [
                    column.cast(field.type) if column.type != field.type else column
                    for column, field in zip(batch.columns, self._schema, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=numbered)
        except PrismlaneError as error:
            self.failure = error
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            self.failure = unreadable(self._conversion.name, error)
            raise self.failure from error


def unreadable(name: str, error: Exception) -> UnreadableDataError:
    """The error for a damaged file of Arrow or Parquet."""
    first_line = str(error).partition("\n")[0].rstrip(".")
    return UnreadableDataError(
        f"{name} cannot be read: {first_line}.",
        hint="The file is cut off or damaged; write and send it again.",
    )


def _tell_new_names(conversion: Conversion, schema: pa.Schema, readable: pa.Schema) -> None:
    renamed = [
        f"{old or '(empty)'} (column {number}) is called {new}"
        for number, (old, new) in enumerate(zip(schema.names, readable.names, strict=True), start=1)
        if old != new
    ]
    if renamed:
        conversion.warn(f"Column names are empty or repeated: {listed(renamed)}.")
