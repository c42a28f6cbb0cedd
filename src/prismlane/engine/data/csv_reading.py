"""The reading of one CSV file: typed by a schema that is sniffed on a sample and then checked on every value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.casts import INFERRED, TEXT, WIDER, Cast, as_asked, lossless
from prismlane.engine.data.conversion import Conversion, listed
from prismlane.engine.data.csv_dialect import SAMPLE_ROWS, Dialect, sniff
from prismlane.engine.data.csv_survey import Misfit, Survey, survey
from prismlane.engine.data.sql import identifier, literal
from prismlane.engine.data.texts import TextFacts

_MISFIT = "prismlane: a value does not fit its column"
_BAD_LINE = re.compile(r"CSV Error on Line: (?P<line>\d+)\n(?:Original Line: ?(?P<text>[^\n]*))?")
_WRONG_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
#: What DuckDB says of a line, and what is said here.
_REASONS = (
    ("unterminated quote", "a quote is opened and not closed"),
    ("Maximum line size", "it is longer than 2,000,000 bytes"),
)
_SHOWN_CHARACTERS = 100
#: Where the year comes first, the month follows it.
_AMBIGUOUS_FORMAT = re.compile(r"(?<!%Y[/.-])(%d[/.-]%m|%m[/.-]%d)")


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """A column of the file, `c<index>` in SQL, and the type that it is given."""

    index: int
    name: str
    cast: Cast
    asked: bool

    @property
    def text(self) -> str:
        """The column's text in SQL."""
        return f"c{self.index}"

    @property
    def projection(self) -> str:
        """The column's value in SQL, which fails where a text does not fit the type."""
        if self.cast.type == "VARCHAR":
            return f"{self.text} AS {identifier(self.name)}"
        return (
            f"CASE WHEN {self.cast.holds(self.text)} THEN {self.cast.value_of(self.text)} "
            f"WHEN {self.text} IS NULL THEN NULL ELSE error({literal(_MISFIT)}) END AS {identifier(self.name)}"
        )


class CsvReading:
    """A CSV file of plain UTF-8 on its way into the table.

    Args:
        conversion: what is asked, and where the table goes.
        path: the plain text.
        facts: what its bytes tell.
        nulls: texts that mean a missing value.
    """

    def __init__(self, conversion: Conversion, path: Path, facts: TextFacts, nulls: Sequence[str]) -> None:
        self._conversion = conversion
        self._path = path
        self._facts = facts
        self._nulls = nulls

    def convert(self) -> tuple[Dialect, list[PlannedColumn]]:
        """Write the table; returns the layout and the columns as they were read."""
        try:
            dialect = sniff(self._conversion, self._path, self._nulls)
            columns, n_rows = self._copied(dialect, self._plan(dialect))
            columns = self._typed_beyond_sample(dialect, columns, n_rows)
            self._check_no_line_is_missing(dialect, n_rows)
            self._tell_guessed_header(columns)
            self._tell_texts_taken_for_null(dialect, columns)
            self._tell_ambiguous_dates(dialect, columns)
        except duckdb.Error as error:
            raise self._explained(error) from error
        return dialect, columns

    # --- types ------------------------------------------------------------------------------------

    def _plan(self, dialect: Dialect) -> list[PlannedColumn]:
        asked = self._conversion.asked_types(dialect.names)
        columns = []
        inexact = []
        for index, (name, type_) in enumerate(dialect.columns):
            if name in asked:
                columns.append(PlannedColumn(index, name, as_asked(asked[name]), asked=True))
                continue
            cast = _sniffed_cast(type_, dialect)
            if cast is None:
                inexact.append(name)
            columns.append(PlannedColumn(index, name, cast or TEXT, asked=False))
        if inexact:
            self._conversion.warn(
                f"Kept as text, so that no digit is lost: {listed(inexact)}. "
                f'To compute with them ask for a type, e.g. types={{"{inexact[0]}": "DOUBLE"}}.'
            )
        return columns

    def _copied(self, dialect: Dialect, columns: list[PlannedColumn]) -> tuple[list[PlannedColumn], int]:
        """Copy; where a later value does not fit, widen what has to be widened and copy again."""
        try:
            return columns, self._copy(dialect, columns)
        except duckdb.InvalidInputException as error:
            if _MISFIT not in str(error):
                raise
        columns = self._widened(dialect, columns)
        return columns, self._copy(dialect, columns)

    def _copy(self, dialect: Dialect, columns: Sequence[PlannedColumn]) -> int:
        projections = ", ".join(column.projection for column in columns)
        select = f"SELECT {projections} FROM {dialect.source(self._path, self._nulls)}"  # noqa: S608 - names are quoted
        return self._conversion.copy(select, phase="reading", span=(0.1, 0.9))

    def _widened(self, dialect: Dialect, columns: Sequence[PlannedColumn]) -> list[PlannedColumn]:
        """The columns with types that hold every value of the file.

        Raises:
            UnreadableDataError: a value does not fit the type that the user asked for.
        """
        candidates = {
            column.index: [column.cast, *_wider(column, dialect)]
            for column in columns
            if column.cast.type != "VARCHAR"
        }
        found = self._surveyed(dialect, candidates)
        widened = []
        for column in columns:
            misfit = found.first_misfits.get(column.index)
            if misfit is None:
                widened.append(column)
                continue
            place = self._place(dialect, misfit, found.n_rows)
            if column.asked:
                raise _does_not_fit(column, misfit, place)
            cast = found.narrowest(column.index, candidates[column.index])
            self._conversion.warn(
                f"{column.name} was read as {cast.type}, not {column.cast.type}, "
                f'because of "{_shown(misfit.value)}" on {place}.'
            )
            widened.append(replace(column, cast=cast))
        return widened

    def _typed_beyond_sample(
        self, dialect: Dialect, columns: list[PlannedColumn], n_rows: int
    ) -> list[PlannedColumn]:
        """Type, from the whole file, the columns of which the sample held no value, and copy again if there are any."""
        texts = [column for column in columns if column.cast.type == "VARCHAR" and not column.asked]
        if n_rows <= SAMPLE_ROWS or not texts:
            return columns
        counts = ", ".join(f"count({identifier(column.name)})" for column in texts)
        table = literal(str(self._conversion.table_path))
        sample, whole = self._run(
            f"SELECT {counts} FROM (SELECT * FROM {table} LIMIT {SAMPLE_ROWS}) "  # noqa: S608 - names are quoted
            f"UNION ALL SELECT {counts} FROM {table}"
        )
        unseen = {
            column.index
            for column, n_in_sample, n_in_all in zip(texts, sample, whole, strict=True)
            if n_in_all and not n_in_sample
        }
        if not unseen:
            return columns
        casts = [cast for type_ in INFERRED if (cast := _sniffed_cast(type_, dialect)) is not None]
        found = self._surveyed(dialect, dict.fromkeys(sorted(unseen), casts))
        typed = [
            replace(column, cast=found.narrowest(column.index, casts)) if column.index in unseen else column
            for column in columns
        ]
        self._copy(dialect, typed)
        return typed

    def _surveyed(self, dialect: Dialect, candidates: dict[int, list[Cast]]) -> Survey:
        return survey(self._conversion, dialect.source(self._path, self._nulls), candidates)

    # --- checks -----------------------------------------------------------------------------------

    def _check_no_line_is_missing(self, dialect: Dialect, n_rows: int) -> None:
        """Without quotes a line is a row: fewer rows than lines that hold something would be a silent loss."""
        if b'"' in self._facts.found or n_rows >= self._facts.n_lines - dialect.skip - dialect.header:
            return
        n_filled = self._n_filled_lines(dialect.skip)
        if n_rows < n_filled - dialect.header:
            raise UnreadableDataError(
                f"{self._conversion.name} has {n_filled - dialect.header:,} lines of data, but only {n_rows:,} could be read.",
                hint="Check how its lines end, and give delimiter and quote.",
                facts={"n_lines": n_filled, "n_rows": n_rows},
            )

    def _n_filled_lines(self, skip: int) -> int:
        with self._path.open("rb") as file:
            if self._facts.newline == "\r":
                return sum(bool(line.strip()) for line in file.read().split(b"\r")[skip:])
            return sum(bool(line.strip()) for number, line in enumerate(file) if number >= skip)

    def _tell_guessed_header(self, columns: Sequence[PlannedColumn]) -> None:
        texts_alone = all(column.cast.type == "VARCHAR" for column in columns)
        if texts_alone and self._conversion.options.header is None:
            self._conversion.warn(
                "All columns are text, so nothing tells the first line from the others: it was taken as the header. "
                "If it is data, give header=false."
            )

    def _tell_texts_taken_for_null(self, dialect: Dialect, columns: Sequence[PlannedColumn]) -> None:
        """In a column of text `NA` may be a value (Namibia), so who reads it as missing says so."""
        words = [text for text in self._nulls if text and text.encode() in self._facts.found]
        texts = [column for column in columns if column.cast.type == "VARCHAR"]
        if not words or not texts:
            return
        listed_words = ", ".join(map(literal, words))
        counts = ", ".join(f"count(*) FILTER ({column.text} IN ({listed_words}))" for column in texts)
        (row,) = self._run(f"SELECT {counts} FROM {dialect.source(self._path, [''])}")  # noqa: S608 - literals are quoted
        told = [f"{column.name} ({count:,})" for column, count in zip(texts, row, strict=True) if count]
        if told:
            self._conversion.warn(
                f"{' or '.join(repr(word) for word in words)} was read as missing in text columns: {listed(told)}. "
                "To keep it as text, give null_values=[]."
            )

    def _tell_ambiguous_dates(self, dialect: Dialect, columns: Sequence[PlannedColumn]) -> None:
        """`01/02/2020` is two days; where no value decides, say which was taken."""
        for format_, types in (
            (dialect.date_format, {"DATE"}),
            (dialect.timestamp_format, {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}),
        ):
            dated = [column for column in columns if column.cast.type in types and not column.asked]
            if not dated or not _AMBIGUOUS_FORMAT.search(format_):
                continue
            days = ", ".join(
                f"max(greatest(day({identifier(column.name)}), month({identifier(column.name)})))"
                for column in dated
            )
            table = literal(str(self._conversion.table_path))
            (row,) = self._run(f"SELECT {days} FROM {table}")  # noqa: S608 - names are quoted
            both = [column.name for column, last in zip(dated, row, strict=True) if last and last <= 12]
            if both:
                self._conversion.warn(
                    f"Dates of {listed(both)} were read as {format_}; day and month could be the other way round."
                )

    # --- errors -----------------------------------------------------------------------------------

    def _run(self, query: str) -> list[tuple[Any, ...]]:
        return self._conversion.run(query, phase="checking", span=(0.9, 1.0))

    def _place(self, dialect: Dialect, misfit: Misfit, n_rows: int) -> str:
        """Where the misfit stands: its line, or its row where quoted or empty lines make the two differ."""
        if n_rows + dialect.skip + dialect.header == self._facts.n_lines:
            return f"line {misfit.row + dialect.skip + dialect.header:,}"
        return f"row {misfit.row:,}"

    def _explained(self, error: duckdb.Error) -> Exception:
        text = str(error)
        found = _BAD_LINE.search(text)
        if found is None:
            return self._conversion.explain(error)
        line, shown = int(found["line"]), _shown(found["text"] or "")
        return UnreadableDataError(
            f"Line {line:,} of {self._conversion.name} does not fit: {_reason(text)}"
            + (f' ("{shown}").' if shown else "."),
            hint="Mend the line, or give delimiter and quote if they were guessed wrong.",
            facts={"line": line, "text": shown},
        )


def _reason(text: str) -> str:
    if found := _WRONG_WIDTH.search(text):
        return f"{int(found[1]):,} columns were expected, {int(found[2]):,} found"
    return next(
        (reason for sign, reason in _REASONS if sign in text), "it is not laid out like the lines before it"
    )


def _sniffed_cast(type_: str, dialect: Dialect) -> Cast | None:
    return lossless(type_, date_format=dialect.date_format, timestamp_format=dialect.timestamp_format)


def _wider(column: PlannedColumn, dialect: Dialect) -> list[Cast]:
    if column.asked:
        return []
    casts = (_sniffed_cast(type_, dialect) for type_ in WIDER.get(column.cast.type, ("VARCHAR",)))
    return [cast for cast in casts if cast is not None]


def _does_not_fit(column: PlannedColumn, misfit: Misfit, place: str) -> UnreadableDataError:
    value = _shown(misfit.value)
    return UnreadableDataError(
        f'"{value}" on {place} is no {column.cast.type}, as which {column.name} is to be read.',
        hint=f"Mend the value, or leave the type of {column.name} out.",
        facts={"column": column.name, "value": value, "row": misfit.row, "type": column.cast.type},
    )


def _shown(value: str) -> str:
    return value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
