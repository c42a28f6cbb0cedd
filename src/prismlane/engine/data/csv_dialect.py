"""How a CSV file is laid out: delimiter, quotes, header and types, sniffed on a sample and then frozen."""

import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.conversion import Conversion, listed
from prismlane.engine.data.sql import literal, literals

#: Rows that types are sniffed on. Later rows are checked against them, one by one.
SAMPLE_ROWS = 20_480
_CANDIDATES = (",", ";", "\t", "|")
_N_LOOKED_AT = 200
#: How far a header and the lines after it are looked for.
_HEAD_CHARACTERS = 1 << 21
#: Share of lines with a delimiter from which a file is taken for ragged, not for one column.
_REGULAR_SHARE = 0.9
_SUSPICIOUS_SHARE = 0.5
_EMPTY = "(empty)"
_NO_DELIMITER = "\x1f"


@dataclass(frozen=True, slots=True)
class Dialect:
    """The frozen layout of a CSV file. `columns` are (name, sniffed type)."""

    delimiter: str
    quote: str
    escape: str
    header: bool
    skip: int
    columns: tuple[tuple[str, str], ...]
    date_format: str = ""
    timestamp_format: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the columns, in order."""
        return [name for name, _ in self.columns]

    def source(self, path: Path, null_values: Sequence[str]) -> str:
        """The SQL table function that reads every column as text, called c0, c1, ...

        The end of lines is left to DuckDB: told a wrong one, it returns no row and no error.
        """
        columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(self.columns)))
        return (
            f"read_csv({literal(str(path))}, auto_detect = false, delim = {literal(self.delimiter)}, "
            f"quote = {literal(self.quote)}, escape = {literal(self.escape)}, header = {self.header}, "
            f"skip = {self.skip}, comment = '', nullstr = {literals(null_values)}, strict_mode = true, "
            f"columns = {{{columns}}})"
        )


def sniff(conversion: Conversion, path: Path, null_values: Sequence[str]) -> Dialect:
    """The layout of the file at `path` (UTF-8), and warnings about all that was guessed.

    DuckDB's sniffer does the work, except that it may take a file with one ragged line for a file of one column, or its
    first lines for a title; then the delimiter that stands in nearly all lines is taken, and reading tells which line is ragged.
    """
    head = _first_lines(path)[:_N_LOOKED_AT]
    dialect = _sniffed(conversion, path, null_values)
    if conversion.options.delimiter is None:
        dialect = _beyond_one_column(conversion, path, null_values, dialect, head)
    if dialect is None:
        dialect = _plain(conversion, path, conversion.options.delimiter or ",")
    if dialect.skip and _looks_like_data(head[: dialect.skip], dialect.delimiter):
        dialect = _plain(conversion, path, dialect.delimiter)
    if len(dialect.columns) == 1 and conversion.options.delimiter is None:
        # Text may hold any of the usual delimiters; this one it does not.
        dialect = replace(dialect, delimiter=_NO_DELIMITER)
    dialect = _with_own_names(dialect, path)
    conversion.check_width(len(dialect.columns))
    _tell_guesses(conversion, dialect, path, head)
    return dialect


def _sniffed(
    conversion: Conversion,
    path: Path,
    null_values: Sequence[str],
    delimiter: str | None = None,
) -> Dialect | None:
    options = conversion.options
    asked: dict[str, str | None] = {
        "delim": literal(delimiter or options.delimiter or "") if delimiter or options.delimiter else None,
        "quote": None if options.quote is None else literal(options.quote),
        "header": None if options.header is None else str(options.header),
    }
    given = "".join(f", {name} = {value}" for name, value in asked.items() if value is not None)
    query = (
        "SELECT Delimiter, Quote, Escape, HasHeader, SkipRows, Columns, DateFormat, TimestampFormat "  # noqa: S608 - literals are quoted
        f"FROM sniff_csv({literal(str(path))}, comment = '', nullstr = {literals(null_values)}, "
        f"sample_size = {SAMPLE_ROWS}{given})"
    )
    try:
        row = conversion.run(query, phase="sniffing", span=(0.0, 0.1))[0]
    except (duckdb.InvalidInputException, duckdb.BinderException):
        return None
    return _dialect_of(row, options.quote)


def _dialect_of(row: Sequence[Any], asked_quote: str | None) -> Dialect:
    delimiter, quote, escape, header, skip, columns, date_format, timestamp_format = row
    # A sample without quotes says nothing about the rest of the file; RFC 4180 does.
    unquoted = quote == _EMPTY
    sniffed_quote = '"' if unquoted else quote
    return Dialect(
        delimiter=delimiter,
        quote=sniffed_quote if asked_quote is None else asked_quote,
        escape='"' if unquoted and asked_quote is None else "" if escape == _EMPTY else escape,
        header=header,
        skip=skip,
        columns=tuple((column["name"], column["type"]) for column in columns),
        date_format=date_format or "",
        timestamp_format=timestamp_format or "",
    )


def _beyond_one_column(
    conversion: Conversion,
    path: Path,
    null_values: Sequence[str],
    dialect: Dialect | None,
    head: Sequence[str],
) -> Dialect | None:
    """The dialect with another delimiter where nearly every line has one and `dialect` knows of one column only."""
    if dialect is not None and len(dialect.columns) > 1:
        return dialect
    shares = {delimiter: _share_with(delimiter, head) for delimiter in _CANDIDATES}
    delimiter = max(shares, key=lambda candidate: shares[candidate])
    first = next((line for line in head if line.strip()), "")
    if delimiter in first and shares[delimiter] >= _REGULAR_SHARE:
        return _sniffed(conversion, path, null_values, delimiter) or _plain(conversion, path, delimiter)
    if dialect is not None and shares[delimiter] >= _SUSPICIOUS_SHARE:
        conversion.warn(
            f"Read as one column, though {shares[delimiter]:.0%} of the first lines hold {delimiter!r}. "
            f"If that parts columns, give it as the delimiter."
        )
    return dialect


def _plain(conversion: Conversion, path: Path, delimiter: str) -> Dialect:
    """A dialect with the names of the first line and nothing guessed: reading by it names the line that is ragged."""
    options = conversion.options
    quote = '"' if options.quote is None else options.quote
    dialect = Dialect(
        delimiter=delimiter, quote=quote, escape=quote, header=options.header is not False, skip=0, columns=()
    )
    cells = header_cells(path, dialect)
    names = unique_names(cells) if dialect.header else [f"column{index}" for index in range(len(cells))]
    return replace(dialect, columns=tuple((name, "VARCHAR") for name in names))


def _with_own_names(dialect: Dialect, path: Path) -> Dialect:
    cells = header_cells(path, dialect) if dialect.header else []
    if len(cells) != len(dialect.columns):
        return dialect
    types = (type_ for _, type_ in dialect.columns)
    return replace(dialect, columns=tuple(zip(unique_names(cells), types, strict=True)))


def unique_names(cells: Sequence[str]) -> list[str]:
    """Names for columns with these headings: empty ones numbered, repeated ones (in any case) told apart by a suffix."""
    taken: set[str] = set()
    names = []
    for index, cell in enumerate(cells):
        wanted = cell.strip() or f"column{index}"
        candidates = itertools.chain([wanted], (f"{wanted}_{number}" for number in itertools.count(1)))
        name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def header_cells(path: Path, dialect: Dialect) -> list[str]:
    """The cells of the first line that is not skipped, as they stand in the file.

    Raises:
        UnreadableDataError: that line is no CSV.
    """
    kept = [line for line in _first_lines(path)[dialect.skip :] if line.strip()]
    if not kept:
        return []
    if len(dialect.delimiter) > 1:
        return kept[0].split(dialect.delimiter)
    rows = (
        csv.reader(kept, delimiter=dialect.delimiter, quotechar=dialect.quote)
        if dialect.quote
        else csv.reader(kept, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    )
    try:
        return next(rows)
    except csv.Error as error:
        raise UnreadableDataError(
            f"The first line of the table cannot be read: {error}.",
            hint="Check delimiter and quotes in an editor.",
        ) from error


def _first_lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        return file.read(_HEAD_CHARACTERS).split("\n")


def _share_with(delimiter: str, lines: Sequence[str]) -> float:
    filled = [line for line in lines if line.strip()]
    return sum(delimiter in line for line in filled) / max(len(filled), 1)


def _looks_like_data(skipped: Sequence[str], delimiter: str) -> bool:
    return any(delimiter in line for line in skipped if not line.startswith("#"))


def _tell_guesses(conversion: Conversion, dialect: Dialect, path: Path, head: Sequence[str]) -> None:
    if dialect.skip:
        skipped = listed((repr(line[:60]) for line in head[: dialect.skip] if line.strip()), 2)
        conversion.warn(f"Lines above the table ({dialect.skip}) were skipped: {skipped}.")
    if not dialect.header:
        if conversion.options.header is None:
            conversion.warn("The file has no header line; the columns are named column0, column1, ...")
        return
    cells = [cell.strip() for cell in header_cells(path, dialect)]
    renamed = [
        f"{cell or '(empty)'} (column {number}) is called {name}"
        for number, (cell, name) in enumerate(zip(cells, dialect.names, strict=False), start=1)
        if cell != name
    ]
    if renamed:
        conversion.warn(f"Names in the header are empty or repeated: {listed(renamed)}.")
