"""Charts of what there is: bars, histograms, heat maps, points."""

import json
from collections.abc import Sequence
from typing import Final

from prismlane.common.wire import Chart
from prismlane.engine.reports.charts import palette
from prismlane.engine.reports.charts.frame import (
    Column,
    ColumnFormat,
    Rows,
    Spec,
    chart_of,
    escaped,
    picked,
    plain,
)
from prismlane.engine.reports.charts.scales import (
    category_axis,
    name_scale,
    number_axis,
    number_scale,
    numbers_of,
    time_scale,
    titled,
)

_ROW_PX: Final = 24
_MAX_POINT_LABEL_PX: Final = 100


def bar(
    name: str,
    title: str,
    alt: str,
    rows: Rows,
    *,
    category: str,
    value: str,
    value_title: str = "",
    sort_by_value: bool = True,
) -> Chart:
    """Horizontal bars, one a row, largest first; in the order of the rows with `sort_by_value=False`."""
    data = picked(rows, [category, value])
    heading = value_title or titled(value)
    body = {
        "height": {"step": _ROW_PX},
        "mark": {"type": "bar", "color": palette.BLUE, "cornerRadiusEnd": 2, "tooltip": True},
        "encoding": {
            "y": {
                "field": escaped(category),
                "type": "nominal",
                "sort": "-x" if sort_by_value else None,
                "axis": category_axis(),
                "scale": {"paddingInner": 0.3, "paddingOuter": 0.15},
            },
            "x": {
                "field": escaped(value),
                "type": "quantitative",
                "axis": number_axis(
                    heading, [0, *numbers_of(data, value)], is_share=value.endswith("_share")
                ),
            },
        },
    }
    columns = [Column(category, titled(category)), Column(value, heading, "number")]
    return chart_of("bar", name, title, alt, data, columns, body)


def histogram(
    name: str,
    title: str,
    alt: str,
    edges: Sequence[float],
    counts: Sequence[int],
    *,
    x_title: str,
    temporal: bool = False,
) -> Chart:
    """Bars of `counts` (n) between `edges` (n + 1, ascending); with `temporal`, edges are milliseconds since the epoch."""
    bounds = [plain(edge) for edge in edges]
    if len(bounds) != len(counts) + 1 or None in bounds or bounds != sorted(bounds):
        raise ValueError(
            f"histogram: chart {name!r} needs n + 1 finite ascending edges for n counts; "
            f"it has {len(edges)} for {len(counts)}"
        )
    data = [
        {"from": low, "to": high, "rows": plain(count)}
        for low, high, count in zip(bounds, bounds[1:], counts, strict=False)
    ]
    kind = time_scale(x_title) if temporal else number_scale(x_title, bounds, zero=False)
    kind["axis"]["grid"] = False
    body = {
        "height": 150,
        "mark": {"type": "bar", "color": palette.BLUE, "xOffset": 0.5, "x2Offset": -0.5, "tooltip": True},
        "encoding": {
            "x": {"field": "from", **kind},
            "x2": {"field": "to"},
            "y2": {"datum": 0},
            "y": {
                "field": "rows",
                "type": "quantitative",
                "axis": number_axis("rows", [0, *numbers_of(data, "rows")], n_ticks=4),
            },
        },
    }
    shown: ColumnFormat = "time" if temporal else "number"
    columns = [Column("from", "from", shown), Column("to", "to", shown), Column("rows", "rows", "number")]
    return chart_of("histogram", name, title, alt, data, columns, body)


def heat_map(
    name: str,
    title: str,
    alt: str,
    rows: Rows,
    *,
    x: str,
    y: str,
    value: str,
    value_title: str = "",
    domain: tuple[float, float] | None = None,
) -> Chart:
    """One cell for each row, in the order in which names first come; diverging around 0 where `domain` is symmetric.

    A cell also says its value where there is room for it.
    """
    data = picked(rows, [x, y, value])
    values = numbers_of(data, value)
    low, high = domain or (min(values, default=0.0), max(values, default=1.0))
    diverging = low < 0 and low == -high
    heading = value_title or titled(value)
    color = {
        "field": escaped(value),
        "type": "quantitative",
        "scale": {
            "domain": [low, 0, high] if diverging else [low, high],
            "range": list(palette.DIVERGING if diverging else palette.SEQUENTIAL),
            "clamp": True,
            "interpolate": "rgb",
        },
        "legend": {"title": heading, "orient": "bottom", "gradientLength": 160, "gradientThickness": 10},
    }
    n_columns = len({str(row[x]) for row in data}) or 1
    body = {
        "height": {"step": _ROW_PX},
        "encoding": {
            "x": name_scale(x, {"labelAngle": -60, "orient": "bottom"}),
            "y": name_scale(y, {}),
        },
        "layer": [
            {"mark": {"type": "rect", "tooltip": True}, "encoding": {"color": color}},
            _cell_text(value, low, high, n_columns, diverging=diverging),
        ],
        "config": {"scale": {"bandPaddingInner": 0.06}},
    }
    columns = [Column(y, titled(y)), Column(x, titled(x)), Column(value, heading, "number")]
    return chart_of("heat_map", name, title, alt, data, columns, body)


def scatter(
    name: str, title: str, alt: str, rows: Rows, *, x: str, y: str, label: str | None = None
) -> Chart:
    """One point a row; with `label`, each of up to 40 points also bears its name."""
    data = picked(rows, [x, y, *([label] if label else [])])
    points: Spec = {
        "mark": {"type": "point", "filled": True, "size": 40, "color": palette.BLUE, "tooltip": True}
    }
    layers = [points]
    if label and len(data) <= 40:
        text = {"type": "text", "align": "left", "dx": 6, "fontSize": 11, "limit": _MAX_POINT_LABEL_PX}
        layers.append({"mark": text, "encoding": {"text": {"field": escaped(label)}}})
    body: Spec = {
        "height": 280,
        "encoding": {
            "x": {"field": escaped(x), **number_scale(titled(x), numbers_of(data, x), zero=False)},
            "y": {"field": escaped(y), **number_scale(titled(y), numbers_of(data, y), zero=False)},
        },
        "layer": layers,
    }
    for axis in ("x", "y"):
        body["encoding"][axis]["scale"]["padding"] = 10
    columns = [Column(label, titled(label))] if label else []
    columns += [Column(field, titled(field), "number") for field in (x, y)]
    return chart_of("scatter", name, title, alt, data, columns, body)


def _cell_text(value: str, low: float, high: float, n_columns: int, *, diverging: bool) -> Spec:
    """The value inside its cell: dark on light cells, light on dark ones, and only where a cell is wide enough."""
    datum = f"datum[{json.dumps(value)}]"
    strength = f"abs({datum}) / {high!r}" if diverging else f"({datum} - {low!r}) / {((high - low) or 1.0)!r}"
    return {
        "mark": {"type": "text", "fontSize": 10},
        "encoding": {
            "text": {
                "field": escaped(value),
                "type": "quantitative",
                "format": ".2~f" if diverging else ".3~s",
            },
            "color": {"condition": {"test": f"{strength} > 0.6", "value": "#ffffff"}, "value": "#1a1a1a"},
            "opacity": {"condition": {"test": f"width >= {n_columns * 34}", "value": 1}, "value": 0},
        },
    }
