"""Columns that come with types of their own (JSON, Arrow, Parquet): as what they are stored."""

import duckdb
import pyarrow as pa

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.casts import as_asked
from prismlane.engine.data.manifest import Column
from prismlane.engine.data.roles import role_of
from prismlane.engine.data.sql import identifier, literal

#: Types that a Parquet table would round, truncate or drop, and what keeps them whole.
STORED_AS = {
    **dict.fromkeys(("HUGEINT", "UHUGEINT", "BIGNUM", "INTERVAL", "TIME WITH TIME ZONE", "BIT"), "VARCHAR"),
    **dict.fromkeys(("NULL", "JSON", "VARIANT"), "VARCHAR"),
    **dict.fromkeys(("TIMESTAMP_S", "TIMESTAMP_MS"), "TIMESTAMP"),
}
_MISFIT = "prismlane: a value does not fit its column: "


def columns_of(con: duckdb.DuckDBPyConnection, schema: pa.Schema, source: str) -> list[Column]:
    """The columns of an Arrow schema as analyses see them.

    Raises:
        UnreadableDataError: a column is of a type that analyses cannot read; says which.
    """
    try:
        return _described(con, schema)
    except (duckdb.Error, pa.ArrowException):
        for field in schema:
            try:
                _described(con, pa.schema([field]))
            except (duckdb.Error, pa.ArrowException) as error:
                raise UnreadableDataError(
                    f"Column {field.name} of {source} is of the Arrow type {field.type}, which is not read.",
                    hint="Cast the column to another type, or leave it out.",
                    facts={"column": field.name, "type": str(field.type)},
                ) from error
        raise


def _described(con: duckdb.DuckDBPyConnection, schema: pa.Schema) -> list[Column]:
    con.register("prismlane_schema", schema.empty_table())
    try:
        con.execute("SELECT * FROM prismlane_schema").fetchall()
        rows = con.execute("DESCRIBE prismlane_schema").fetchall()
    finally:
        con.unregister("prismlane_schema")
    types = [str(row[1]).strip('"') for row in rows]
    return [Column(name, type_, role_of(type_)) for name, type_ in zip(schema.names, types, strict=True)]


def projection(name: str, type_: str, asked: str | None, column: str) -> str:
    """The SQL that stores `column` (an SQL expression of DuckDB type `type_`) under `name`, without loss or with an error."""
    alias = identifier(name)
    if asked is None:
        stored = STORED_AS.get(type_)
        if stored is None:
            return f"{column} AS {alias}"
        return (
            f"{_text_of(type_, column)} AS {alias}"
            if stored == "VARCHAR"
            else f"{column}::{stored} AS {alias}"
        )
    cast = as_asked(asked)
    if cast.type == "VARCHAR":
        return f"{_text_of(type_, column)} AS {alias}"
    value, fits = (
        (cast.value_of(column), cast.holds(column))
        if type_ == "VARCHAR"
        else (f"try_cast({column} AS {cast.type})", f"try_cast({column} AS {cast.type})::{type_} = {column}")
    )
    complaint = f"error({literal(f'{_MISFIT}{name} {cast.type} ')} || {column}::VARCHAR)"
    return f"CASE WHEN {column} IS NULL THEN NULL WHEN {fits} THEN {value} ELSE {complaint} END AS {alias}"


def misfit_of(error: duckdb.Error, source: str) -> UnreadableDataError | None:
    """The error about a value that is not of the type that was asked for, if `error` of a `projection` is one."""
    _, found, told = str(error).partition(_MISFIT)
    if not found:
        return None
    return UnreadableDataError(
        f"A value of {source} is not of the type asked for: {told[:200]}.",
        hint="Mend the value, or leave the type of the column out.",
    )


def _text_of(type_: str, column: str) -> str:
    # A JSON string loses its quotes, any other JSON value is its own text.
    return f"({column} ->> '$')" if type_ == "JSON" else f"{column}::VARCHAR"
