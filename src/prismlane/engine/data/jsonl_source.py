"""JSON lines, or one JSON array of objects, into a Parquet table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb

from prismlane.common.errors import EmptyDataError, UnreadableDataError
from prismlane.engine.data.casts import lossless
from prismlane.engine.data.conversion import Conversion, listed
from prismlane.engine.data.csv_survey import survey
from prismlane.engine.data.plain_text import plain_text
from prismlane.engine.data.sql import identifier, literal
from prismlane.engine.data.typed_columns import misfit_of, projection

Layout = Literal["lines", "array"]

_FORMATS: Mapping[Layout, str] = {"lines": "newline_delimited", "array": "array"}
#: Bytes of one object, at most.
_MAX_OBJECT_BYTES = 64 << 20
#: From here on a DOUBLE does not hold every integer.
_EXACT_LIMIT = 2.0**53
_SHOWN_CHARACTERS = 100


def convert_jsonl(conversion: Conversion) -> Mapping[str, Any]:
    """Write the table of a JSON file; returns how it was read. Types and keys come from all lines, not from a sample.

    Raises:
        UnreadableDataError: a line is no JSON object; says which.
    """
    path, _, encoding = plain_text(conversion, unify_newlines=False)
    layout = _layout(path)
    if layout == "array" and _is_empty_array(path):
        raise EmptyDataError(
            f"{conversion.name} is an array without objects.", hint="Check that the data were written."
        )
    reading = _JsonReading(conversion, path, layout)
    return {"layout": layout, "encoding": encoding, "types": reading.convert()}


def _layout(path: Path) -> Layout:
    with path.open("rb") as file:
        return "array" if file.read(4096).lstrip().startswith(b"[") else "lines"


def _is_empty_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).split() in ([b"[]"], [b"[", b"]"])


class _JsonReading:
    """A JSON file of plain UTF-8 on its way into the table."""

    def __init__(self, conversion: Conversion, path: Path, layout: Layout) -> None:
        self._conversion = conversion
        self._path = path
        self._layout = layout

    def convert(self) -> dict[str, str]:
        """Write the table; returns the types that were found, by name."""
        try:
            types = self._found_types()
            asked = self._conversion.asked_types(list(types))
            self._tell_kept_as_text({name: type_ for name, type_ in types.items() if name not in asked})
            self._copy(types, self._source(), asked)
            inexact = self._inexact(types, asked)
            if inexact:
                self._copy_again_as_text(types, inexact, asked)
        except duckdb.Error as error:
            raise self._explained(error) from error
        return types

    def _source(self, columns: Mapping[str, str] | None = None) -> str:
        given = (
            "sample_size = -1, map_inference_threshold = -1, field_appearance_threshold = 0"
            if columns is None
            else "columns = {" + ", ".join(f"{literal(n)}: {literal(t)}" for n, t in columns.items()) + "}"
        )
        return (
            f"read_json({literal(str(self._path))}, format = '{_FORMATS[self._layout]}', records = true, "
            f"maximum_object_size = {_MAX_OBJECT_BYTES}, {given})"
        )

    def _found_types(self) -> dict[str, str]:
        rows = self._run(f"DESCRIBE FROM {self._source()}", "finding types", (0.0, 0.3))
        self._conversion.check_width(len(rows))
        return {row[0]: str(row[1]).strip('"') for row in rows}

    def _tell_kept_as_text(self, types: Mapping[str, str]) -> None:
        mixed = [name for name, type_ in types.items() if type_ == "JSON"]
        huge = [name for name, type_ in types.items() if type_ in {"HUGEINT", "UHUGEINT", "BIGNUM"}]
        if mixed:
            self._conversion.warn(f"Values are of several kinds, so they were read as text: {listed(mixed)}.")
        if huge:
            self._conversion.warn(f"Kept as text, so that no digit is lost: {listed(huge)}.")

    def _copy(self, types: Mapping[str, str], source: str, asked: Mapping[str, str]) -> None:
        projections = ", ".join(
            projection(name, type_, asked.get(name), identifier(name)) for name, type_ in types.items()
        )
        select = f"SELECT {projections} FROM {source}"  # noqa: S608 - names are quoted
        self._conversion.copy(select, phase="reading", span=(0.3, 0.9))

    def _inexact(self, types: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
        """The DOUBLE columns in which an integer was rounded."""
        doubles = [name for name, type_ in types.items() if type_ == "DOUBLE" and name not in asked]
        if not doubles:
            return []
        largest = ", ".join(f"max(abs({identifier(name)}))" for name in doubles)
        (row,) = self._run(f"SELECT {largest} FROM {self._table}", "checking", (0.9, 0.9))  # noqa: S608 - names are quoted
        suspects = [name for name, value in zip(doubles, row, strict=True) if value and value >= _EXACT_LIMIT]
        double = lossless("DOUBLE")
        if not suspects or double is None:
            return []
        texts = ", ".join(f"{identifier(name)} AS c{index}" for index, name in enumerate(suspects))
        source = self._source(dict.fromkeys(suspects, "VARCHAR"))
        found = survey(
            self._conversion,
            f"(SELECT {texts} FROM {source})",  # noqa: S608 - names are quoted
            {index: [double] for index in range(len(suspects))},
        )
        return [name for index, name in enumerate(suspects) if index in found.first_misfits]

    def _copy_again_as_text(
        self, types: Mapping[str, str], inexact: Sequence[str], asked: Mapping[str, str]
    ) -> None:
        before = self._n_values(types)
        texts = {
            name: "VARCHAR" if name in inexact or type_ == "JSON" else type_ for name, type_ in types.items()
        }
        self._copy(texts, self._source(texts), asked)
        # Keys that differ in case alone were renamed, and a renamed key finds nothing.
        if self._n_values(types) != before:
            raise UnreadableDataError(
                f"{self._conversion.name} has keys that differ in case alone, and integers beyond 2^53.",
                hint="Rename one of the keys.",
            )
        self._conversion.warn(f"Kept as text, so that no digit is lost: {listed(inexact)}.")

    def _n_values(self, types: Mapping[str, str]) -> list[tuple[Any, ...]]:
        counts = ", ".join(f"count({identifier(name)})" for name in types)
        return self._run(f"SELECT {counts} FROM {self._table}", "checking", (0.9, 0.9))  # noqa: S608 - names are quoted

    @property
    def _table(self) -> str:
        return literal(str(self._conversion.table_path))

    def _run(self, query: str, phase: str, span: tuple[float, float]) -> list[tuple[Any, ...]]:
        return self._conversion.run(query, phase=phase, span=span)

    def _explained(self, error: duckdb.Error) -> Exception:
        misfit = misfit_of(error, self._conversion.name)
        if misfit is not None:
            return misfit
        if self._layout == "lines" and isinstance(
            error, duckdb.InvalidInputException | duckdb.BinderException
        ):
            found = self._first_bad_line()
            if found is not None:
                line, why, text = found
                return UnreadableDataError(
                    f'Line {line:,} of {self._conversion.name} is no JSON object: {why} ("{text}").',
                    hint='Each line is one object, e.g. {"a": 1}.',
                    facts={"line": line, "text": text},
                )
        return self._conversion.explain(error)

    def _first_bad_line(self) -> tuple[int, str, str] | None:
        # DuckDB's own line numbers are one too high for some errors.
        with self._path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                self._conversion.monitor.check()
                if not line.strip():
                    continue
                shown = line.strip()[:_SHOWN_CHARACTERS]
                try:
                    value = json.loads(line)
                except json.JSONDecodeError as error:
                    return number, f"{error.msg} at character {error.colno}", shown
                except RecursionError:
                    return number, "it is nested too deeply", shown
                if not isinstance(value, dict):
                    return number, f"it is a {type(value).__name__}", shown
        return None
