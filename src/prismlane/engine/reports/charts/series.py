"""Charts of what goes on: lines with bands, and steps."""

from collections.abc import Sequence
from typing import Final

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts import palette
from prismlane.engine.reports.charts.frame import Column, Rows, Spec, chart_of, escaped, picked, time_ms
from prismlane.engine.reports.charts.scales import number_axis, number_scale, numbers_of, time_scale, titled

_PLOT_PX: Final = 220


def line(
    name: str,
    title: str,
    alt: str,
    rows: Rows,
    *,
    x: str,
    y: str,
    band: tuple[str, str] | None = None,
    series: str | None = None,
    temporal: bool = True,
) -> Chart:
    """A line for each `series` (colour and dashes), with a band between two fields where given."""
    data = _ordered(rows, [x, y, *(band or ()), *([series] if series else [])], x, temporal=temporal)
    layers: list[Spec] = []
    if band:
        edges = {
            "y": {"field": escaped(band[0]), "type": "quantitative"},
            "y2": {"field": escaped(band[1])},
        }
        layers.append({"mark": {"type": "area", "opacity": 0.22}, "encoding": edges})
    dashes = _series(series, dashes=True)
    layers.append(
        {
            "mark": {"type": "line", "strokeWidth": 2, "tooltip": True},
            "encoding": {"y": {"field": escaped(y), "type": "quantitative"}, **dashes},
        }
    )
    values = numbers_of(data, y, *(band or ()))
    body = {
        "height": _PLOT_PX,
        "encoding": {
            "x": _ordered_scale(x, data, temporal=temporal),
            "y": {"axis": number_axis(titled(y), values), "scale": {"zero": False, "nice": True}},
            **_series(series),
        },
        "layer": layers,
    }
    bounds = [Column(field, titled(field), "number") for field in band or ()]
    columns = [
        *_series_column(series),
        _x_column(x, temporal=temporal),
        Column(y, titled(y), "number"),
        *bounds,
    ]
    return chart_of("line", name, title, alt, data, columns, body)


def step(name: str, title: str, alt: str, rows: Rows, *, x: str, y: str, series: str | None = None) -> Chart:
    """A line that keeps its value until the next row, for each `series`."""
    data = _ordered(rows, [x, y, *([series] if series else [])], x, temporal=False)
    values = numbers_of(data, y)
    body = {
        "height": _PLOT_PX,
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "tooltip": True},
        "encoding": {
            "x": _ordered_scale(x, data, temporal=False),
            "y": {
                "field": escaped(y),
                "type": "quantitative",
                "axis": number_axis(titled(y), [0, *values]),
            },
            **_series(series),
            **_series(series, dashes=True),
        },
    }
    columns = [*_series_column(series), Column(x, titled(x), "number"), Column(y, titled(y), "number")]
    return chart_of("step", name, title, alt, data, columns, body)


def _ordered(rows: Rows, fields: Sequence[str], x: str, *, temporal: bool) -> list[Spec]:
    data = picked(rows, fields)
    if temporal:
        for row in data:
            row[x] = time_ms(row[x])
    return data


def _ordered_scale(field: str, data: Sequence[Spec], *, temporal: bool) -> Spec:
    if temporal:
        return {"field": escaped(field), **time_scale("")}
    return {"field": escaped(field), **number_scale(titled(field), numbers_of(data, field), zero=False)}


def _x_column(field: str, *, temporal: bool) -> Column:
    return Column(field, titled(field), "time" if temporal else "number")


def _series_column(series: str | None) -> list[Column]:
    return [Column(series, titled(series))] if series else []


def _series(series: str | None, *, dashes: bool = False) -> Spec:
    """The encoding that tells series apart: by colour, or by dashes."""
    if series is None:
        return {} if dashes else {"color": {"value": palette.BLUE}}
    channel, marks = ("strokeDash", palette.DASHES) if dashes else ("color", palette.SERIES)
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolSize": 260, "columns": 2}
    shown = {
        "field": escaped(series),
        "type": "nominal",
        "scale": {"range": [*marks]},
        "sort": None,
        "legend": legend,
    }
    return {channel: shown}
