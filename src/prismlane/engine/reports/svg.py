"""Charts as SVG that a page can carry inline: no script, no reference to anything outside, colours that follow the page."""

from collections.abc import Mapping
from typing import Any, Final

import vl_convert

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts.frame import MAX_MARKS, Spec, rows_of
from prismlane.engine.reports.drawable import drawable
from prismlane.engine.reports.svg_cleaning import cleaned_svg
from prismlane.engine.reports.text import visible

_VEGA_LITE_VERSION: Final = "6.4"
_INK: Final = "currentColor"
#: Text and lines take the colour of the text around the chart, so that one drawing serves light, dark and print.
_THEME: Final[Mapping[str, Any]] = {
    "aria": False,
    "background": None,
    # The page sets its charts in the same face: labels then fit the room that was measured for them.
    "font": "Arial, Liberation Sans, Helvetica, sans-serif",
    "view": {"stroke": None},
    "text": {"color": _INK},
    "axis": {
        "labelColor": _INK,
        "labelFontSize": 11,
        "labelOpacity": 0.8,
        "titleColor": _INK,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titleOpacity": 0.8,
        "gridColor": _INK,
        "gridOpacity": 0.13,
        "domainColor": _INK,
        "domainOpacity": 0.35,
        "tickColor": _INK,
        "tickOpacity": 0.35,
        "tickSize": 4,
    },
    "legend": {
        "labelColor": _INK,
        "labelFontSize": 11,
        "labelOpacity": 0.85,
        "titleColor": _INK,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "gradientStrokeColor": "transparent",
    },
}


def render_svg(chart: Chart, *, width_px: int, uid: str = "") -> str:
    """`chart` as an `<svg>` element `width_px` wide, named and described for who cannot see it.

    Every id in it begins with `uid` (the chart's name if empty); give two drawings on one page different ones.

    Raises:
        ValueError: the specification is not valid, refers to something outside itself, or has too many marks.
    """
    svg = _drawn(chart.name, _prepared(chart, width_px))
    return cleaned_svg(svg, uid=uid or chart.name, title=visible(chart.title), description=visible(chart.alt))


def _prepared(chart: Chart, width_px: int) -> Spec:
    """The specification to draw: safe for the renderer, in the page's theme, without a title (the page has one)."""
    if (n_marks := len(rows_of(chart.spec))) > MAX_MARKS:
        raise ValueError(f"chart {chart.name!r} has {n_marks:,} marks; at most {MAX_MARKS:,} can be drawn")
    spec = drawable(chart.name, chart.spec)
    return {**spec, "width": width_px, "config": {**_THEME, **spec.get("config", {})}}


def _drawn(name: str, spec: Spec) -> str:
    try:
        return _converted(spec)
    except ValueError:
        # What one drawing leaves behind in vl-convert when it fails can surface in the next: only a second failure counts.
        try:
            return _converted(spec)
        except ValueError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ValueError(f"chart {name!r} cannot be drawn: {' '.join(lines[1:2] or lines)}") from None


def _converted(spec: Spec) -> str:
    drawn: str = vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE_VERSION, allowed_base_urls=[])
    return drawn
