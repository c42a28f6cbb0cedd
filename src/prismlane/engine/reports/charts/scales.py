"""Axes and scales of charts: short labels that still differ from each other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from prismlane.engine.reports.charts.frame import Spec, escaped
from prismlane.engine.reports.text import shortened

_MAX_LABEL_PX: Final = 130
_MAX_TITLE: Final = 48


def numbers_of(rows: Iterable[Mapping[str, Any]], *fields: str) -> list[float]:
    """All numbers that stand in `fields`."""
    found = (row.get(field) for row in rows for field in fields)
    return [value for value in found if isinstance(value, int | float) and not isinstance(value, bool)]


def number_axis(title: str, values: Sequence[float], *, n_ticks: int = 5, is_share: bool = False) -> Spec:
    """An axis whose labels are short, and still differ from each other."""
    axis: Spec = {"title": shortened(title, _MAX_TITLE) or None, "tickCount": n_ticks, "labelOverlap": True}
    largest = max((abs(value) for value in values), default=0.0)
    span = max(values, default=0.0) - min(values, default=0.0)
    if is_share:
        axis["format"] = "~%"
        return axis
    if largest >= 10_000 and span >= largest / 100:
        axis["labelExpr"] = "replace(format(datum.value, '~s'), 'G', 'B')"
    elif largest >= 10_000:
        axis["format"] = ",.12~r"
    elif largest >= 1e-4:
        axis["format"] = "~r"
    return axis


def category_axis(title: str = "") -> Spec:
    """An axis of names; long ones are cut to what a narrow screen can spare."""
    return {
        "title": shortened(title, _MAX_TITLE) or None,
        "labelLimit": _MAX_LABEL_PX,
        "ticks": False,
        "domain": False,
        "grid": False,
    }


def time_axis(title: str = "") -> Spec:
    """An axis of times."""
    return {
        "title": shortened(title, _MAX_TITLE) or None,
        "tickCount": 5,
        "labelOverlap": True,
        "grid": False,
    }


def titled(field: str) -> str:
    """A field's name as words: `n_rows` becomes `n rows`."""
    return shortened(field.replace("_", " ").strip(), _MAX_TITLE)


def number_scale(title: str, values: Sequence[float], *, zero: bool) -> Spec:
    """A scale of numbers with its axis; `zero` says whether the axis must hold 0."""
    return {"type": "quantitative", "axis": number_axis(title, values), "scale": {"zero": zero, "nice": zero}}


def time_scale(title: str) -> Spec:
    """A scale of times in UTC, whatever the zone of the machine that draws it."""
    return {"type": "temporal", "axis": time_axis(title), "scale": {"type": "utc"}}


def name_scale(field: str, axis: Spec) -> Spec:
    """A scale of names in the order of the rows; `axis` adds to the axis or replaces parts of it."""
    return {
        "field": escaped(field),
        "type": "nominal",
        "sort": None,
        "axis": {**category_axis(), "labelLimit": 110, **axis},
    }
