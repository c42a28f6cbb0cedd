import re

import pytest
from report_samples import about, flights_result

from prismlane.common.wire import Finding, Result, Table
from prismlane.engine.reports.markdown import render_markdown


def test_the_short_report_has_findings_tables_and_how_to_run_it_again():
    text = render_markdown(flights_result(), about())
    assert text.startswith("# Profile of flights\n\nflights.csv · 336,776 rows · 19 columns\n")
    assert "1. **Warning:**" in text
    assert "| year | BIGINT | 0% | 1 |" in text
    assert "prismlane run profile flights.csv -P top_k=10 --report report.html" in text
    assert f"sha256:{'3c' * 32}" in text


@pytest.mark.parametrize("hostile", ["<script>x</script>", "a | b", "![x](http://evil)", "x\n# y", "`a`"])
def test_text_of_the_data_is_no_markup(hostile):
    table = Table(name="t", title=hostile, columns=[hostile], rows=[[hostile]])
    result = Result(
        analysis="p", analysis_version="1", title=hostile, findings=[Finding(text=hostile)], tables=[table]
    )
    text = render_markdown(result, about(dataset_name="d"))
    for line in text.split("```")[0].splitlines():
        assert not re.search(r"(?<!\\)[<`]|!\[", line)
        assert line != "# y"
        assert line.replace(r"\|", "").count("|") in {0, 2}


def test_code_with_fences_inside_is_fenced_by_longer_ones():
    result = Result(analysis="p", analysis_version="1", title="T")
    assert "\n````\n" in render_markdown(result, about(params={"a": "```"}))
