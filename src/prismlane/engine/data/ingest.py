"""A user's file becomes a table that analyses read: typed, checked, and cut into row groups."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prismlane.common.errors import EmptyDataError, UnsupportedMediaError
from prismlane.common.wire import DataFormat, ReadOptions
from prismlane.engine.analyses.contract import Monitor
from prismlane.engine.data.arrow_source import convert_arrow
from prismlane.engine.data.conversion import Conversion
from prismlane.engine.data.csv_source import convert_csv
from prismlane.engine.data.formats import HEAD_BYTES, detect
from prismlane.engine.data.gunzip import gunzip
from prismlane.engine.data.jsonl_source import convert_jsonl
from prismlane.engine.data.manifest import Column, Partition
from prismlane.engine.data.parquet_source import convert_parquet, row_group_sizes
from prismlane.engine.data.partitions import partitions_of
from prismlane.engine.data.typed_columns import columns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What came of a file. `table_path` is None where the source itself is the table."""

    format: DataFormat
    columns: Sequence[Column]
    n_rows: int
    partitions: Sequence[Partition]
    table_path: Path | None
    #: How the file was read, all found out or given, as JSON values.
    options: Mapping[str, Any]
    warnings: Sequence[str]

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values."""
        path = None if self.table_path is None else str(self.table_path)
        return {**asdict(self), "table_path": path}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Ingested":
        """What `to_dict` described."""
        path = data["table_path"]
        return cls(
            format=data["format"],
            columns=tuple(Column(**column) for column in data["columns"]),
            n_rows=data["n_rows"],
            partitions=tuple(Partition(**partition) for partition in data["partitions"]),
            table_path=None if path is None else Path(path),
            options=data["options"],
            warnings=tuple(data["warnings"]),
        )


def ingest(
    source: Path,
    scratch: Path,
    options: Mapping[str, Any],
    monitor: Monitor,
    *,
    max_table_bytes: int,
    name: str,
    threads: int = 1,
    memory_limit_bytes: int = 1 << 30,
) -> Ingested:
    """Read `source` once, whole, and leave its table below `scratch`.

    A Parquet file that analyses can read as it is stays where it is. Every other file is converted to one Parquet table,
    with types that hold every value; a value is never dropped, rounded or made null without a word in `warnings`.

    Args:
        source: the file; never changed.
        scratch: a directory of this call's own, wiped by the caller.
        options: fields of `ReadOptions`; what is left out is found out.
        monitor: asked whether to go on, and told the progress.
        max_table_bytes: of the unpacked source, and of the table.
        name: what the user calls the file, with its suffix.
        threads: CPUs to use.
        memory_limit_bytes: DuckDB's own limit.

    Raises:
        UnsupportedMediaError: a kind of file that is not read.
        EmptyDataError: no rows or no columns.
        UnreadableDataError: damaged, or a line or value that does not fit; says which.
        UnknownColumnError: a type is asked for a column that is not there.
        TooLargeError: above `max_table_bytes`.
    """
    conversion = Conversion(
        source=Path(source),
        scratch=Path(scratch),
        name=name,
        options=ReadOptions.model_validate(dict(options)),
        monitor=monitor,
        max_table_bytes=max_table_bytes,
        threads=threads,
        memory_limit_bytes=memory_limit_bytes,
    )
    conversion, format_, compression = _unpacked(conversion)
    try:
        return _ingested(conversion, format_, compression)
    finally:
        conversion.close()


def _ingested(conversion: Conversion, format_: DataFormat, compression: str | None) -> Ingested:
    found, has_table = _converted(conversion, format_)
    # An unpacked Parquet file is not the source any more, so it is the table itself.
    table = conversion.table_path if has_table else conversion.source if compression else None
    schema, sizes = row_group_sizes(table or conversion.source, conversion.name)
    if not sum(sizes) or not len(schema):
        raise EmptyDataError(
            f"{conversion.name} has {len(schema)} columns and no rows.",
            hint="Check that the data were written, not the header alone.",
        )
    return Ingested(
        format=format_,
        columns=tuple(columns_of(conversion.con, schema, conversion.name)),
        n_rows=sum(sizes),
        partitions=partitions_of(sizes),
        table_path=table,
        options={"format": format_, "compression": compression, **found},
        warnings=tuple(conversion.warnings),
    )


def _unpacked(conversion: Conversion) -> tuple[Conversion, DataFormat, str | None]:
    """The conversion of the file itself where it is packed, its format, and how it was packed."""
    given, name = conversion.options.format, conversion.name
    detected = detect(name, _head(conversion.source), given)
    if detected.format is not None:
        return conversion, detected.format, None
    unpacked = conversion.scratch / "unpacked"
    gunzip(conversion.source, unpacked, conversion.monitor, max_bytes=conversion.max_table_bytes, name=name)
    detected = detect(name, _head(unpacked), given)
    if detected.format is None:
        raise UnsupportedMediaError(f"{name} is packed twice with gzip.", hint="Unpack it once.")
    return replace(conversion, source=unpacked), detected.format, "gzip"


def _converted(conversion: Conversion, format_: DataFormat) -> tuple[Mapping[str, Any], bool]:
    """How the file was read, and whether a table was written."""
    if format_ == "parquet":
        return convert_parquet(conversion)
    convert = {"csv": convert_csv, "jsonl": convert_jsonl, "arrow": convert_arrow}[format_]
    return convert(conversion), True


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
