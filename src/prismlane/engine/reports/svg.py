"""Charts as SVG that a page can carry inline: no script, no reference to anything outside, colours that follow the page."""

from collections.abc import Mapping
from typing import Any, Final

import vl_convert

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts.frame import MAX_MARKS, Spec, rows_of
from prismlane.engine.reports.svg_cleaning import cleaned_svg
from prismlane.engine.reports.text import visible

_VEGA_LITE_VERSION: Final = "6.4"
_INK: Final = "currentColor"
#: Text and lines take the colour of the text around the chart, so that one drawing serves light, dark and print.
_THEME: Final[Mapping[str, Any]] = {
    "aria": False,
    "background": None,
    "font": "sans-serif",
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
    svg = _drawn(chart.name, _self_contained(chart, width_px))
    return cleaned_svg(svg, uid=uid or chart.name, title=visible(chart.title), description=visible(chart.alt))


def _self_contained(chart: Chart, width_px: int) -> Spec:
    """The specification to draw: visible characters alone, the page's theme, no title (the page has one)."""
    spec = _checked(chart.name, chart.spec)
    spec.pop("title", None)
    if (n_marks := len(rows_of(spec))) > MAX_MARKS:
        raise ValueError(f"chart {chart.name!r} has {n_marks:,} marks; at most {MAX_MARKS:,} can be drawn")
    return {**spec, "width": width_px, "config": {**_THEME, **spec.get("config", {})}}


def _checked(name: str, node: Any, *, inside_data: bool = False) -> Any:
    """`node` with each text made visible: a control character in a text ends the whole process inside vl-convert."""
    if isinstance(node, str):
        return visible(node)
    if isinstance(node, list | tuple):
        return [_checked(name, child, inside_data=inside_data) for child in node]
    if not isinstance(node, Mapping):
        return node
    if not inside_data and (found := {"url", "href"} & node.keys()):
        raise ValueError(f"chart {name!r} refers to something outside itself ({', '.join(sorted(found))})")
    return {
        visible(key): _checked(name, child, inside_data=inside_data or key == "values")
        for key, child in node.items()
    }


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
