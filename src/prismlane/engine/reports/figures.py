"""Charts as a report shows them: drawn while there is room, each with its data; what is not drawn is said."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts.frame import notes_of, rows_of
from prismlane.engine.reports.svg import render_svg
from prismlane.engine.reports.tables import TableView, data_table
from prismlane.engine.reports.text import counted, shortened

MAX_DRAWN_MARKS: Final = 2_000
#: Beyond it a report takes too long to make and to read; the charts that findings speak of come first.
MAX_CHARTS: Final = 80
_MAX_TITLE: Final = 120
_NARROW_PX: Final = 320
_WIDE_PX: Final = 860
#: Kinds whose horizontal axis gains from a wide screen; they are drawn twice, and the page shows the one that fits.
_WIDE_KINDS: Final = frozenset({"line", "step", "heat_map", "scatter", "waterfall"})


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart ready to be written."""

    anchor: str
    title: str
    #: The drawing for narrow places.
    svg: Markup
    #: The drawing for wide places, where there is one.
    wide_svg: Markup
    data: TableView | None
    #: Why there is no drawing, in words; empty where there is one.
    note: str

    @property
    def is_wide(self) -> bool:
        """Whether it takes the whole width of the page."""
        return bool(self.wide_svg)


def figures_of(charts: Sequence[Chart]) -> Iterator[Figure]:
    """A figure for each chart in order, at most `MAX_CHARTS`; each is drawn when it is asked for."""
    for number, chart in enumerate(charts[:MAX_CHARTS], start=1):
        yield _figure(chart, f"chart-{number}-{_slug(chart.name)}".rstrip("-"))


def _figure(chart: Chart, anchor: str) -> Figure:
    svg = wide_svg = Markup()
    note = ""
    n_marks = len(rows_of(chart.spec))
    if n_marks > MAX_DRAWN_MARKS:
        note = f"Not drawn: {counted(n_marks, 'mark')} are too many to tell apart here. The result holds all of them."
    else:
        try:
            svg = _safe(render_svg(chart, width_px=_NARROW_PX, uid=f"{anchor}-s"))
            if notes_of(chart.spec).get("kind") in _WIDE_KINDS:
                wide_svg = _safe(render_svg(chart, width_px=_WIDE_PX, uid=f"{anchor}-w"))
        except ValueError as error:
            note = f"Not drawn: {error}."
    data = data_table(f"Data of “{shortened(chart.title, _MAX_TITLE)}”", chart.spec)
    return Figure(anchor, shortened(chart.title, _MAX_TITLE), svg, wide_svg, data, note)


def _safe(svg: str) -> Markup:
    # Every element and attribute of it has passed the list of what is allowed.
    return Markup(svg)  # noqa: S704 - see above


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
