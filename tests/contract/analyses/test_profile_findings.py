"""What the profile says: ranked sentences whose every number stands in their evidence."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from prismlane.engine.analyses.contract import Context
from prismlane.engine.analyses.descriptive.profile import ProfileAnalysis, ProfileParams
from prismlane.engine.analyses.runner import MAX_FINDINGS, run_whole


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    n = 400
    base = rng.normal(size=n)
    return pa.table(
        {
            "income": rng.lognormal(0, 2.0, n),
            "height": base,
            "inches": base * 2.54,
            "weight": base + rng.normal(size=n),
            "gap": pa.array([None if i % 3 else float(i) for i in range(n)]),
            "odd": pa.array(np.where(np.arange(n) % 7 == 0, np.nan, base), from_pandas=False),
            "zip": [f"0{i % 50:03d}" for i in range(n)],
            "as text": [str(i % 9) for i in range(n)],
            "same": ["x"] * n,
            "id": np.arange(n),
            "city": ["Bonn", "bonn"] * (n // 2),
            "none": pa.nulls(n, pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def found(table):
    analysis = ProfileAnalysis(ProfileParams())
    first = analysis.partial(table, Context())
    out = analysis.finish(analysis.partial(table, Context(earlier=[first])), Context(earlier=[first]))
    return out, analysis.findings(out)


def written(value):
    """The ways in which a sentence may write a number."""
    return {f"{value:,}", f"{value:.3g}", f"{value:.3f}", f"{value:.1%}"}


def test_every_number_in_a_sentence_stands_in_its_evidence(found):
    _, findings = found
    for finding in findings:
        sentence = re.sub(r'"[^"]*"', "", finding.text)
        told = re.findall(r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?", sentence)
        known = {text for evidence in finding.evidence for text in written(evidence.value)}
        assert {number.rstrip(",.") for number in told} <= known, finding.text


def test_findings_are_ranked_act_on_something_and_cover_several_kinds(found):
    _, findings = found
    scores = [finding.score for finding in findings]
    assert scores == sorted(scores, reverse=True)
    assert findings[0].text.startswith("The data has 400 rows and 12 columns")
    assert all(finding.action for finding in findings[1:])
    first = " ".join(finding.text for finding in findings[:MAX_FINDINGS])
    assert all(word in first for word in ("null in every row", "NaN", "leading zero"))


def test_charts_that_findings_name_are_drawn(table):
    result = json.loads(run_whole("profile", {}, [lambda: table], Context(), None))
    names = {chart["name"] for chart in result["charts"]}
    assert len(result["findings"]) == MAX_FINDINGS
    assert {finding["chart"] for finding in result["findings"] if finding["chart"]} <= names
    assert {"nulls", "correlations", "histogram_0"} <= names
    assert all(chart["alt"] for chart in result["charts"])
    assert "NaN" not in json.dumps(result["charts"])


def test_tables_tell_all_columns_and_the_frequent_values(table):
    result = json.loads(run_whole("profile", {}, [lambda: table], Context(), None))
    tables = {each["name"]: each for each in result["tables"]}
    assert [row[0] for row in tables["columns"]["rows"]] == table.schema.names
    assert tables["top_10"]["rows"] == [["Bonn", 200, 0.5], ["bonn", 200, 0.5]]
    assert all(len(row) == len(each["columns"]) for each in tables.values() for row in each["rows"])


def test_long_names_that_begin_alike_stay_apart_in_charts():
    names = ["n" * 100 + "1", "n" * 100 + "2"]
    table = pa.table([pa.array([None, 1.0, 2.0]), pa.array([None, None, 2.0])], names)
    result = json.loads(run_whole("profile", {}, [lambda: table], Context(), None))
    chart = next(chart for chart in result["charts"] if chart["name"] == "nulls")
    assert len({row["column"] for row in chart["spec"]["data"]["values"]}) == 2
