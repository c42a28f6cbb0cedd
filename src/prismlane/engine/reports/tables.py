"""Tables as a report shows them: values formatted, numbers aligned, long and wide ones cut and saying so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prismlane.common.wire import Table
from prismlane.engine.reports.charts.frame import Spec, notes_of, rows_of
from prismlane.engine.reports.text import (
    counted,
    format_field,
    format_number,
    format_time_ms,
    format_value,
    heading_of,
    shortened,
)

MAX_ROWS: Final = 200
MAX_COLUMNS: Final = 60
_MAX_CELL: Final = 100
_FORMAT_BY_NAME: Final[dict[str, Callable[[float], str]]] = {"time": format_time_ms, "number": format_number}


@dataclass(frozen=True, slots=True)
class TableView:
    """A table ready to be written: every cell is text."""

    title: str
    headings: Sequence[str]
    #: For each column whether its values are numbers, to be aligned at their ends.
    numeric: Sequence[bool]
    rows: Sequence[Sequence[str]]
    #: What was cut, in words; empty where nothing was.
    note: str = ""


def table_view(table: Table) -> TableView:
    """`table` with each value in the unit that its column's name tells."""
    names = table.columns[:MAX_COLUMNS]
    kept = [row[: len(names)] for row in table.rows[:MAX_ROWS]]
    rows = [
        [_cell(format_field(name, value)) for name, value in zip(names, row, strict=True)] for row in kept
    ]
    return TableView(
        title=table.title,
        headings=[shortened(heading_of(name), _MAX_CELL) for name in names],
        numeric=[_is_numeric([row[i] for row in kept]) for i in range(len(names))],
        rows=rows,
        note=_note(len(table.rows), len(table.columns)),
    )


def data_table(title: str, spec: Spec) -> TableView | None:
    """The data of a chart as a table; None where the chart has none that can be listed."""
    values = rows_of(spec)
    if not values:
        return None
    columns = notes_of(spec).get("columns") or [
        {"field": name, "title": name} for name in list(values[0])[:MAX_COLUMNS]
    ]
    return TableView(
        title=title,
        headings=[shortened(heading_of(column["title"]), _MAX_CELL) for column in columns],
        numeric=[column.get("format", "text") != "text" for column in columns],
        rows=[
            [_formatted(row.get(column["field"]), column.get("format", "text")) for column in columns]
            for row in values[:MAX_ROWS]
        ],
        note=_note(len(values), 0),
    )


def _formatted(value: Any, kind: str) -> str:
    formatted = _FORMAT_BY_NAME.get(kind) if isinstance(value, int | float) else None
    return _cell(formatted(value) if formatted else format_value(value))


def _cell(text: str) -> str:
    return shortened(text, _MAX_CELL)


def _is_numeric(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in present
    )


def _note(n_rows: int, n_columns: int) -> str:
    cuts = []
    if n_rows > MAX_ROWS:
        cuts.append(f"the first {MAX_ROWS} of {counted(n_rows, 'row')}")
    if n_columns > MAX_COLUMNS:
        cuts.append(f"the first {MAX_COLUMNS} of {counted(n_columns, 'column')}")
    return f"Shown: {' and '.join(cuts)}. The result itself holds all of them." if cuts else ""
