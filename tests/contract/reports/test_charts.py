import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
import vl_convert

from prismlane.engine.reports import charts

ROWS = [
    {"name": "origin", "share": 0.5, "low": 0.25, "high": 0.75, "x": 1, "when": "2013-01-02"},
    {"name": "dest", "share": -0.25, "low": -0.5, "high": 0.1, "x": 2, "when": "2013-01-03"},
]


def every_builder(rows):
    return {
        "bar": lambda: charts.bar("c", "T", "A", rows, category="name", value="share"),
        "heat_map": lambda: charts.heat_map("c", "T", "A", rows, x="name", y="when", value="share"),
        "line": lambda: charts.line("c", "T", "A", rows, x="when", y="share", band=("low", "high")),
        "step": lambda: charts.step("c", "T", "A", rows, x="x", y="share", series="name"),
        "waterfall": lambda: charts.waterfall("c", "T", "A", rows, step="name", change="share"),
        "forest": lambda: charts.forest(
            "c", "T", "A", rows, label="name", estimate="share", low="low", high="high"
        ),
        "scatter": lambda: charts.scatter("c", "T", "A", rows, x="x", y="share", label="name"),
        "histogram": lambda: charts.histogram(
            "c", "T", "A", range(len(rows) + 1), [1] * len(rows), x_title="minutes"
        ),
    }


@pytest.mark.parametrize("kind", every_builder(ROWS))
def test_every_builder_makes_a_json_spec_that_vega_lite_draws(kind):
    chart = every_builder(ROWS)[kind]()
    spec = json.loads(json.dumps(chart.spec, allow_nan=False))
    assert spec["usermeta"]["prismlane"]["kind"] == kind
    assert spec["description"] == "A"
    assert "url" not in spec["data"]
    fields = [column["field"] for column in spec["usermeta"]["prismlane"]["columns"]]
    assert all(field in spec["data"]["values"][0] for field in fields)
    svg = vl_convert.vegalite_to_svg({**spec, "width": 400}, vl_version="6.4", allowed_base_urls=[])
    assert "role-mark" in svg
    assert "NaN" not in svg


@pytest.mark.parametrize("kind", every_builder(ROWS))
def test_more_than_5000_marks_are_refused_with_builder_and_count(kind):
    rows = [{**ROWS[0], "name": f"n{i}", "x": i} for i in range(5_001)]
    n_marks = "5,002" if kind == "waterfall" else "5,001"
    with pytest.raises(ValueError, match=f"{kind}: chart 'c' has {n_marks} marks"):
        every_builder(rows)[kind]()


def test_values_that_json_cannot_say_become_null_text_or_milliseconds():
    rows = [
        {"name": np.str_("a"), "share": np.float32(0.5)},
        {"name": Decimal("1.5"), "share": math.nan},
        {"name": None, "share": np.int64(3)},
        {"name": datetime(2013, 1, 1, tzinfo=UTC), "share": -math.inf},
    ]
    values = charts.bar("c", "T", "A", rows, category="name", value="share").spec["data"]["values"]
    assert values == [
        {"name": "a", "share": 0.5},
        {"name": 1.5, "share": None},
        {"name": None, "share": 3},
        {"name": 1356998400000.0, "share": None},
    ]


def test_times_without_a_zone_are_utc_however_they_are_given():
    first_of_2013_ms = 1356998400000.0
    rows = [
        {"when": when, "y": 1}
        for when in ("2013-01-01", date(2013, 1, 1), datetime(2013, 1, 1), first_of_2013_ms)  # noqa: DTZ001
    ]
    values = charts.line("c", "T", "A", rows, x="when", y="y").spec["data"]["values"]
    assert {row["when"] for row in values} == {first_of_2013_ms}


def test_a_row_without_a_field_is_refused_by_name():
    with pytest.raises(ValueError, match="no field 'share'"):
        charts.bar("c", "T", "A", [{"name": "a"}], category="name", value="share")


@pytest.mark.parametrize("edges", [[0, 1], [0, 2, 1], [0, 1, math.nan]])
def test_a_histogram_with_edges_that_do_not_fit_is_refused(edges):
    with pytest.raises(ValueError, match=r"n \+ 1 finite ascending edges"):
        charts.histogram("c", "T", "A", edges, [1, 2], x_title="x")


def test_a_waterfall_ends_with_the_total_of_its_changes():
    chart = charts.waterfall("c", "T", "A", ROWS, step="name", change="share")
    assert [(row["step"], row["start"], row["end"]) for row in chart.spec["data"]["values"]] == [
        ("origin", 0.0, 0.5),
        ("dest", 0.5, 0.25),
        ("Total", 0.0, 0.25),
    ]


def test_a_field_with_dots_and_brackets_is_a_name_and_not_a_path():
    rows = [{"a.b": "x", "c['d']": 2.0}]
    chart = charts.bar("c", "T", "A", rows, category="a.b", value="c['d']")
    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": 300}, vl_version="6.4", allowed_base_urls=[])
    assert ">x</text>" in svg
    assert "undefined" not in svg


def test_years_keep_their_digits_and_millions_are_short():
    years = charts.histogram("c", "T", "A", [2011, 2012, 2013], [3, 4], x_title="year")
    millions = charts.histogram("c", "T", "A", [0, 1e6, 2e6], [3, 4], x_title="id")

    def drawn(chart):
        return vl_convert.vegalite_to_svg(
            {**chart.spec, "width": 300}, vl_version="6.4", allowed_base_urls=[]
        )

    assert ">2012</text>" in drawn(years)
    assert "2,012" not in drawn(years)
    assert ">1M</text>" in drawn(millions)


def test_series_are_told_apart_by_dashes_too():
    encoding = charts.step("c", "T", "A", ROWS, x="x", y="share", series="name").spec["encoding"]
    assert encoding["color"]["field"] == encoding["strokeDash"]["field"] == "name"


def test_a_symmetric_domain_is_drawn_around_zero_and_another_is_not():
    def scale(domain):
        chart = charts.heat_map("c", "T", "A", ROWS, x="name", y="when", value="share", domain=domain)
        return chart.spec["layer"][0]["encoding"]["color"]["scale"]

    assert scale((-1, 1))["domain"] == [-1, 0, 1]
    assert len(scale((-1, 1))["range"]) == 3
    assert scale((0, 1))["domain"] == [0, 1]
    assert scale(None)["domain"] == [-0.25, 0.5]


@pytest.mark.parametrize(("low", "n_rules"), [(-0.5, 3), (0.1, 2)])
def test_a_forest_has_one_rule_at_zero_where_zero_is_in_sight(low, n_rules):
    rows = [{"v": name, "e": 0.2, "l": low, "h": 0.5} for name in "ab"]
    chart = charts.forest("f", "T", "A", rows, label="v", estimate="e", low="l", high="h")
    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": 300}, vl_version="6.4", allowed_base_urls=[])
    rules = [group for group in svg.split("<g ") if "role-mark" in group and "rule" in group.split(">")[0]]
    assert sum(group.count("<line") for group in rules) == n_rules
