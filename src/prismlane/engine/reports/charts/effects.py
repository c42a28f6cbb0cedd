"""Charts of what made a difference: changes that add up, and estimates with intervals."""

from typing import Final

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts import palette
from prismlane.engine.reports.charts.frame import Column, Rows, Spec, chart_of, escaped, picked
from prismlane.engine.reports.charts.scales import category_axis, number_axis, numbers_of, titled

_ROW_PX: Final = 24
_ZERO_RULE: Final[Spec] = {
    "data": {"values": [{}]},
    "mark": {"type": "rule", "color": "#808080", "strokeDash": [3, 3]},
    "encoding": {"x": {"datum": 0, "type": "quantitative"}, "y": None},
}


def waterfall(name: str, title: str, alt: str, rows: Rows, *, step: str, change: str) -> Chart:
    """How changes add up, in the order of the rows, from zero to their total; each bar says its signed change."""
    data: list[Spec] = []
    level = 0.0
    for row in picked(rows, [step, change]):
        moved = row[change] or 0.0
        data.append(
            {
                "step": str(row[step]),
                "change": moved,
                "start": level,
                "end": level + moved,
                "direction": "up" if moved >= 0 else "down",
            }
        )
        level += moved
    data.append({"step": "Total", "change": level, "start": 0.0, "end": level, "direction": "total"})
    direction = {
        "field": "direction",
        "type": "nominal",
        "scale": {
            "domain": ["up", "down", "total"],
            "range": [palette.BLUE, palette.VERMILLION, "#808080"],
        },
        "legend": None,
    }
    body = {
        "height": {"step": _ROW_PX + 4},
        "encoding": {
            "y": {"field": "step", "type": "nominal", "sort": None, "axis": category_axis()},
            "x": {
                "field": "start",
                "type": "quantitative",
                "axis": number_axis(titled(change), numbers_of(data, "start", "end")),
                "scale": {"padding": 36},
            },
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.7}, "tooltip": True},
                "encoding": {"x2": {"field": "end"}, "color": direction},
            },
            _signed_label("datum.change >= 0", "left", 4),
            _signed_label("datum.change < 0", "right", -4),
        ],
    }
    columns = [
        Column("step", titled(step)),
        Column("change", titled(change), "number"),
        Column("end", "level after", "number"),
    ]
    return chart_of("waterfall", name, title, alt, data, columns, body)


def forest(
    name: str, title: str, alt: str, rows: Rows, *, label: str, estimate: str, low: str, high: str
) -> Chart:
    """Estimates with their intervals, one a line, in the order of the rows; a rule stands at 0 where it is in sight."""
    data = picked(rows, [label, estimate, low, high])
    values = numbers_of(data, estimate, low, high)
    interval = {
        "x": {"field": escaped(low), "type": "quantitative"},
        "x2": {"field": escaped(high)},
    }
    layers: list[Spec] = [
        {"mark": {"type": "rule", "strokeWidth": 2, "color": palette.BLUE}, "encoding": interval},
        {
            "mark": {
                "type": "point",
                "shape": "square",
                "filled": True,
                "size": 60,
                "opacity": 1,
                "color": palette.BLUE,
                "tooltip": True,
            },
            "encoding": {"x": {"field": escaped(estimate), "type": "quantitative"}},
        },
    ]
    if values and min(values) <= 0 <= max(values):
        layers.insert(0, _ZERO_RULE)
    body = {
        "height": {"step": _ROW_PX},
        "encoding": {
            "y": {"field": escaped(label), "type": "nominal", "sort": None, "axis": category_axis()},
            "x": {"axis": number_axis(titled(estimate), values), "scale": {"zero": False, "padding": 8}},
        },
        "layer": layers,
    }
    columns = [Column(label, titled(label))]
    columns += [Column(field, titled(field), "number") for field in (estimate, low, high)]
    return chart_of("forest", name, title, alt, data, columns, body)


def _signed_label(test: str, align: str, dx: int) -> Spec:
    return {
        "transform": [{"filter": test}],
        "mark": {"type": "text", "align": align, "dx": dx, "fontSize": 11},
        "encoding": {
            "x": {"field": "end", "type": "quantitative"},
            "text": {"field": "change", "type": "quantitative", "format": "+,.4~r"},
        },
    }
