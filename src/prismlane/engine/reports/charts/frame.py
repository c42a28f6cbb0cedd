"""What all charts share: the frame of the specification, values that JSON can say, and number formats of axes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Final, Literal

from prismlane.common.wire import Chart

Rows = Sequence[Mapping[str, Any]]
Spec = dict[str, Any]
Kind = Literal["bar", "histogram", "heat_map", "line", "waterfall", "forest", "scatter", "step"]
ColumnFormat = Literal["text", "number", "time"]

VEGA_LITE: Final = "https://vega.github.io/schema/vega-lite/v6.json"
MAX_MARKS: Final = 5_000
#: In `spec["usermeta"]`: which kind of chart it is and what the columns of its data table are.
USERMETA_KEY: Final = "prismlane"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chart's data, as its data table shows it."""

    field: str
    title: str
    format: ColumnFormat = "text"


def chart_of(
    kind: Kind, name: str, title: str, alt: str, rows: Sequence[Spec], columns: Sequence[Column], body: Spec
) -> Chart:
    """The chart of `rows` with the frame that all kinds share around `body` (mark or layers, encoding, height).

    Raises:
        ValueError: there are more than `MAX_MARKS` rows.
    """
    if len(rows) > MAX_MARKS:
        raise ValueError(
            f"{kind}: chart {name!r} has {len(rows):,} marks; at most {MAX_MARKS:,} are drawn, so aggregate first"
        )
    shown = [{"field": column.field, "title": column.title, "format": column.format} for column in columns]
    spec = {
        "$schema": VEGA_LITE,
        "description": alt,
        "title": {"text": title, "anchor": "start"},
        "usermeta": {USERMETA_KEY: {"kind": kind, "columns": shown}},
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": list(rows)},
        **body,
    }
    return Chart(name=name, title=title, alt=alt, spec=spec)


def rows_of(spec: Mapping[str, Any]) -> list[Spec]:
    """The rows of data inside any specification, ours or not; none where it has none that are objects."""
    data = spec.get("data")
    values = data.get("values") if isinstance(data, Mapping) else None
    return values if isinstance(values, list) and all(isinstance(row, dict) for row in values) else []


def notes_of(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `chart_of` noted down in a specification: its `kind` and its `columns`."""
    usermeta = spec.get("usermeta")
    notes = usermeta.get(USERMETA_KEY) if isinstance(usermeta, Mapping) else None
    return notes if isinstance(notes, Mapping) else {}


def picked(rows: Iterable[Mapping[str, Any]], fields: Sequence[str]) -> list[Spec]:
    """`rows` with the `fields` alone, as values that JSON can say.

    Raises:
        ValueError: a row lacks a field.
    """
    try:
        return [{field: plain(row[field]) for field in fields} for row in rows]
    except KeyError as error:
        raise ValueError(f"a row of the chart has no field {error.args[0]!r}") from None


def plain(value: Any) -> Any:
    """`value` as JSON: times as milliseconds since the epoch, what is not finite as null, anything else as text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        return _epoch_ms(value)
    if isinstance(value, date):
        return _epoch_ms(datetime.combine(value, time()))
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    return str(value)


def time_ms(value: Any) -> Any:
    """A time (datetime, date, ISO 8601 text or milliseconds) as milliseconds since the epoch.

    A time without a zone is taken as UTC. What is no time at all is a ValueError.
    """
    at = plain(value)
    return _epoch_ms(datetime.fromisoformat(at)) if isinstance(at, str) else at


def _epoch_ms(at: datetime) -> float:
    zoned = at if at.tzinfo else at.replace(tzinfo=UTC)
    return zoned.timestamp() * 1000


def escaped(field: str) -> str:
    """`field` as Vega-Lite names it: dots and brackets are part of the name, not a path."""
    return "".join(f"\\{character}" if character in ".[]\\'\"" else character for character in field)
