import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser

import pytest
from report_samples import about, broken_chart, flights_result, one_bar

from prismlane.common.wire import Evidence, Exactness, Finding, Result, Table
from prismlane.engine.reports import charts, figures
from prismlane.engine.reports import html as report
from prismlane.engine.reports.html import render_html
from prismlane.engine.reports.style import content_security_policy

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "{{ 7 * 7 }}{% raw %}",
    "<!--",
    "javascript:alert(1)",
    "=HYPERLINK(1)",
    "\u202eevil\x00\x1b[31m",
    "שלום עולם مرحبا",
    "👩‍👩‍👧‍👦🎉",
    "n" * 5000,
    "",
]


class Page(HTMLParser):
    """A parsed report: its tags in order, the text of each, and whether tags were closed as they were opened."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.pieces, self.misnested = [], [], [], []
        self.feed(html.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.misnested.append(tag)

    def handle_data(self, data):
        if self.open:
            self.pieces.append((self.open[-1], data))

    def text(self, tag):
        return "".join(data for inside, data in self.pieces if inside == tag)

    @property
    def ids(self):
        return [attrs["id"] for _, attrs in self.tags if "id" in attrs]

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    @property
    def headings(self):
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]


def check(html):
    """What is true of every report."""
    page = Page(html)
    assert page.misnested == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(not re.search(r"\s", id_) for id_ in page.ids)
    links = [attrs["href"] for attrs in page.all("a")]
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)
    assert {tag for tag, _ in page.tags}.isdisjoint(
        {"script", "img", "iframe", "object", "embed", "form", "base"}
    )
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in {"style", "src", "srcset"}], (
            tag
        )
        assert "url(" not in "".join(
            value or "" for name, value in attrs.items() if not (value or "").startswith("url(#")
        )
    assert [attrs["href"] for attrs in page.all("link")] == ["data:,"]
    referred = [id_ for attrs in page.all("svg") for id_ in attrs.get("aria-labelledby", "").split()]
    assert set(referred) <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False))
    assert len(page.all("style")) == len(page.all("main")) == 1
    assert len(html) <= 5_000_000
    return page


@pytest.fixture(scope="module")
def flights():
    """The report of flights; to draw it takes a second."""
    return render_html(flights_result(), about())


@pytest.fixture
def few_charts(monkeypatch):
    """Draw three charts at most, so that what happens beyond a limit can be seen soon."""
    monkeypatch.setattr(figures, "MAX_CHARTS", 3)


def result_of(**fields):
    return Result(**{"analysis": "profile", "analysis_version": "1.0", "title": "T", **fields})


def test_the_report_of_flights_is_small_whole_and_in_order(flights):
    page = check(flights)
    assert len(flights) <= 1_000_000
    sections = [attrs["id"] for attrs in page.all("section")]
    assert sections == ["findings", "charts", "tables", "caveats", "method", "reproduce", "glossary"]
    assert len([attrs for attrs in page.all("article") if "chart" in attrs["class"]]) == 20
    assert [attrs["scope"] for attrs in page.all("th")].count("col") > 19
    assert all(attrs.get("scope") in {"col", "row"} for attrs in page.all("th"))


def test_equal_results_give_equal_reports():
    result = flights_result()
    result.charts = result.charts[:2]
    assert render_html(result, about()) == render_html(result.model_copy(deep=True), about())


def test_a_finding_tells_sentence_number_action_severity_and_links_to_its_chart(flights):
    html = flights.decode()
    first = html[
        html.index('<ol class="findings">') : html.index("</li>", html.index('<ol class="findings">'))
    ]
    assert "its largest value, 1,272," in first
    assert ">Warning</p>" in first
    assert "<dd>1,272 min</dd>" in first
    assert "What to do:" in first
    anchor = re.search(r'href="#([^"]+)"', first)[1]
    article = html[html.index(f'id="{anchor}"') :]
    assert article[article.index("<h3>") :].startswith("<h3>Distribution of arr_delay</h3>")


def test_a_finding_without_a_chart_links_to_the_table_that_its_evidence_names():
    table = Table(name="columns", title="All columns", columns=["a"], rows=[[1]])
    other = Table(name="other", title="Other", columns=["a"], rows=[[1]])
    finding = Finding(text="F", evidence=[Evidence(pointer="/columns/3/max", value=1)], chart="not there")
    html = render_html(result_of(findings=[finding], tables=[other, table]), about())
    check(html)
    assert b'<a href="#table-2">See the table \xe2\x80\x9cAll columns\xe2\x80\x9d</a>' in html


def test_at_most_seven_findings_are_at_the_top_by_score_and_the_others_folded():
    findings = [Finding(text=f"finding {i}", score=i / 10) for i in range(10)]
    html = render_html(result_of(findings=findings), about()).decode()
    top, further = html.split("<details", 1)
    assert re.findall(r"finding \d", top) == [f"finding {i}" for i in range(9, 2, -1)]
    assert "3 more findings" in further
    assert re.findall(r"finding \d", further) == ["finding 2", "finding 1", "finding 0"]


@pytest.mark.parametrize(
    ("severities", "verdict"),
    [
        ([], "Nothing here asks for attention."),
        (["info"], "Nothing here asks for attention."),
        (["info", "notice"], "Worth a look: 1 notice."),
        (["warning", "warning", "notice"], "Needs attention: 2 warnings and 1 notice."),
    ],
)
def test_the_verdict_counts_what_asks_for_attention(severities, verdict):
    findings = [Finding(text="F", severity=severity) for severity in severities]
    assert verdict.encode() in render_html(result_of(findings=findings), about())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_anywhere_is_shown_as_text(hostile):
    table = Table(name=hostile, title=hostile, columns=[hostile, "b"], rows=[[hostile, hostile]])
    result = Result(
        analysis=hostile,
        analysis_version=hostile,
        title=hostile,
        findings=[
            Finding(
                text=hostile,
                action=hostile,
                column=hostile,
                evidence=[Evidence(pointer=f"/{hostile}", value=hostile, unit=hostile)],
                chart=hostile,
            )
        ],
        summary={hostile: hostile},
        tables=[table, table],
        charts=[one_bar(hostile, hostile, hostile, hostile), one_bar(hostile)],
        warnings=[hostile],
        assumptions=[hostile],
        method=hostile,
        exactness=Exactness(kind="sketch", error=hostile),
        versions={hostile: hostile},
    )
    facts = about(
        dataset_name=hostile,
        job_id=hostile,
        server_url=hostile,
        result_hash=hostile,
        params={hostile: hostile},
    )
    html = render_html(result, facts)
    page = check(html)
    assert b"\x00" not in html
    assert "\u202e" not in html.decode()
    if len(hostile) < 100 and "\u202e" not in hostile:
        assert hostile in page.text("h1")
        assert hostile in page.text("td")


def test_the_policy_allows_the_one_style_sheet_by_its_hash_and_nothing_else(flights):
    html = flights.decode()
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = Page(html.encode()).all("meta")[1]
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"] == content_security_policy()
    assert f"style-src 'sha256-{digest}';" in policy["content"]
    assert "default-src 'none'" in policy["content"]
    assert "unsafe" not in policy["content"]
    assert not re.search(r"@import|url\(|https?:", style)


def test_a_broken_chart_is_a_note_and_the_others_are_drawn():
    html = render_html(result_of(charts=[one_bar("a"), broken_chart(), one_bar("b")]), about()).decode()
    check(html.encode())
    assert html.count('<svg role="img"') == 2
    assert "Not drawn: chart &#39;broken&#39; cannot be drawn" in html


@pytest.mark.parametrize(
    "spec",
    [{}, {"data": "nonsense"}, {"data": {"values": [1, 2]}}, {"usermeta": 3, "data": {"url": "http://x"}}],
)
def test_a_spec_that_is_no_chart_of_ours_does_not_fail_the_report(spec):
    chart = one_bar().model_copy(update={"spec": spec})
    assert b"Not drawn" in render_html(result_of(charts=[chart]), about())


def test_a_chart_of_more_than_2000_marks_is_a_note_with_its_first_rows():
    rows = [{"x": i, "y": i} for i in range(2001)]
    html = render_html(
        result_of(charts=[charts.scatter("s", "S", "A", rows, x="x", y="y")]), about()
    ).decode()
    assert "Not drawn: 2,001 marks" in html
    assert "the first 200 of 2,001 rows" in html
    assert '<svg role="img"' not in html


def test_long_and_wide_tables_are_cut_and_say_so():
    names = [f"c{i}" for i in range(300)]
    table = Table(name="t", title="Wide", columns=names, rows=[list(range(300))] * 1000)
    html = render_html(result_of(tables=[table]), about()).decode()
    check(html.encode())
    assert html.count("<tr>") == 201
    assert "the first 200 of 1,000 rows and the first 60 of 300 columns" in html


def test_a_result_of_300_columns_stays_under_the_cap_and_tells_what_is_left_out(few_charts):
    made = [one_bar(f"chart {i}", f"value {i}") for i in range(300)]
    table = Table(name="t", title="T", columns=["a", "b"], rows=[["x", "y" * 5000]] * 300)
    html = render_html(result_of(charts=made, tables=[table] * 60), about())
    page = check(html)
    n_drawn = sum("chart" in attrs["class"] for attrs in page.all("article"))
    assert n_drawn == 3
    assert b"297 charts left out" in html
    assert re.search(rb"\d+ tables left out", html)


def test_charts_that_findings_speak_of_come_first_and_are_not_left_out(few_charts):
    made = [one_bar(f"c{i}", title=f"Chart {i}") for i in range(100)]
    html = render_html(result_of(charts=made, findings=[Finding(text="F", chart="c99")]), about()).decode()
    check(html.encode())
    assert re.findall(r"<h3>(Chart \d+)</h3>", html)[:2] == ["Chart 99", "Chart 0"]
    assert "See the chart “Chart 99”" in html


def test_an_empty_result_is_a_report_too():
    html = render_html(result_of(), about(n_rows=0, n_columns=0, server_url=None, params={}))
    page = check(html)
    assert [attrs["id"] for attrs in page.all("section")] == ["findings", "caveats", "method", "reproduce"]
    assert b"0 rows" in html
    assert b"The analysis gave no warnings." in html


def test_charts_beyond_the_budget_are_left_out_and_counted(monkeypatch):
    monkeypatch.setattr(report, "_MAX_CHARTS_BYTES", 6_000)
    html = render_html(result_of(charts=[one_bar(f"c{i}") for i in range(6)]), about()).decode()
    n_drawn = html.count('<article class="chart"')
    assert 0 < n_drawn < 6
    assert f"{6 - n_drawn} charts left out" in html


def test_one_row_is_one_row():
    html = render_html(result_of(charts=[one_bar()]), about(n_rows=1, n_columns=1))
    assert b"1 row<" in html
    assert b"1 column<" in html


def test_empty_tables_say_that_they_have_no_rows():
    html = render_html(result_of(tables=[Table(name="t", title="T", columns=["a"], rows=[])]), about())
    check(html)
    assert b"No rows." in html


def test_recipes_are_quoted_for_where_they_are_pasted():
    hostile = '$(rm -rf ~) \'; "x".csv'
    facts = about(dataset_name=hostile, params={"where": hostile, "k": 3}, seed=7, dataset_id="ds_1")
    codes = [code.strip() for code in re.findall(r"<code>(.*?)</code>", _unescaped(facts), re.DOTALL)]
    words = shlex.split(codes[0])
    assert words[:4] == ["prismlane", "run", "profile", hostile]
    assert words[4:] == ["-P", f"where={hostile}", "-P", "k=3", "--seed", "7", "--report", "report.html"]
    compile(codes[1], "recipe", "exec")
    body = json.loads(shlex.split(codes[2])[-1])
    assert body == {
        "analysis": "profile",
        "dataset": "ds_1",
        "params": {"where": hostile, "k": 3},
        "seed": 7,
    }


def _unescaped(facts):
    class Text(HTMLParser):
        out = ""

        def handle_data(self, data):
            self.out += data

        def handle_starttag(self, tag, attrs):
            self.out += "<code>" if tag == "code" else ""

        def handle_endtag(self, tag):
            self.out += "</code>" if tag == "code" else ""

    text = Text()
    text.feed(render_html(result_of(), facts).decode())
    return text.out


def test_terms_that_are_used_are_explained_and_others_are_not():
    html = render_html(result_of(method="The median and the standard deviation."), about()).decode()
    assert "<dt>Median</dt>" in html
    assert "<dt>Standard deviation</dt>" in html
    assert "<dt>p-value</dt>" not in html


@pytest.mark.parametrize(
    ("exactness", "sentence"),
    [
        (Exactness(), "computed from all rows"),
        (Exactness(kind="sketch", error="distinct counts: 2.7% rms"), "all rows (distinct counts: 2.7% rms)"),
        (Exactness(kind="sampled", n=10_000), "a random sample of 10,000 rows"),
    ],
)
def test_the_report_says_how_exact_it_is(exactness, sentence):
    assert sentence in render_html(result_of(exactness=exactness), about()).decode()


def contrast(a, b):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_has_enough_contrast_in_both_schemes(scheme):
    html = render_html(result_of(), about()).decode()
    colours = [
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{[^}]+\}", html)
    ]
    named = colours[scheme]
    pairs = [(ink, paper) for ink in ("ink", "soft", "link") for paper in ("paper", "page", "tint")]
    pairs += [(name, f"{name}-tint") for name in ("warning", "notice", "info")]
    pairs += [(name, "paper") for name in ("warning", "notice", "info")]
    assert {
        pair: contrast(named[pair[0]], named[pair[1]])
        for pair in pairs
        if contrast(named[pair[0]], named[pair[1]]) < 4.5
    } == {}
