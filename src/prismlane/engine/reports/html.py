"""A result as one self-contained HTML file: no script, no request to anywhere, readable on paper and on a phone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prismlane.common.wire import Chart, Finding, Result
from prismlane.engine.reports.about import ReportAbout
from prismlane.engine.reports.facts import exactness_sentence, facts_of
from prismlane.engine.reports.figures import figures_of
from prismlane.engine.reports.glossary import glossary_of
from prismlane.engine.reports.reproduce import recipes
from prismlane.engine.reports.style import content_security_policy, style_sheet
from prismlane.engine.reports.tables import table_view
from prismlane.engine.reports.text import counted, shortened, visible
from prismlane.engine.reports.verdict import MAX_FINDINGS, finding_view, ranked, tiles_of, verdict_of

_MAX_CHARTS_BYTES: Final = 3_200_000
_MAX_TABLES_BYTES: Final = 1_000_000
_MAX_LISTED: Final = 100
_MAX_NAME: Final = 120
_MAX_TEXT: Final = 400
_MAX_CODE: Final = 20_000


@dataclass(frozen=True, slots=True)
class _Part:
    """A written piece of the page that can be linked to."""

    anchor: str
    title: str
    html: Markup


def render_html(result: Result, about: ReportAbout) -> bytes:
    """`result` as a report of at most 5 MB in UTF-8; equal arguments give equal bytes.

    What does not fit is left out, and the report says what. A chart that cannot be drawn becomes a note.
    """
    findings = ranked(result.findings)
    shown, further = findings[:MAX_FINDINGS], findings[MAX_FINDINGS:]
    charts = _evidence_first(result.charts, shown)
    figures = _figures(charts)
    tables = _tables(result)
    anchors = {
        f"chart:{chart.name}": (part.anchor, part.title) for chart, part in _reversed_pairs(charts, figures)
    }
    anchors |= {
        f"table:{table.name}": (part.anchor, part.title)
        for table, part in _reversed_pairs(result.tables, tables)
    }
    page = {
        "csp": content_security_policy(),
        # The sheet is ours, not a user's.
        "css": Markup(style_sheet()),  # noqa: S704 - see above
        "title": shortened(result.title, _MAX_NAME),
        "dataset_name": shortened(about.dataset_name, _MAX_NAME),
        "n_rows": counted(about.n_rows, "row"),
        "n_columns": counted(about.n_columns, "column"),
        "verdict": verdict_of(result),
        "worst": _worst(result.findings),
        "tiles": tiles_of(result.summary),
        "findings": [finding_view(finding, anchors) for finding in shown],
        "further": [finding_view(finding, {}) for finding in further[:_MAX_LISTED]],
        "further_title": counted(len(further), "more finding"),
        "further_note": _cut_note(further),
        "figures": [part.html for part in figures],
        "figures_note": _left_out(len(charts) - len(figures), "chart"),
        "tables": tables,
        "tables_note": _left_out(len(result.tables) - len(tables), "table"),
        "warnings": [shortened(warning, _MAX_TEXT) for warning in result.warnings[:_MAX_LISTED]],
        "warnings_note": _cut_note(result.warnings),
        "assumptions": [shortened(text, _MAX_TEXT) for text in result.assumptions[:_MAX_LISTED]],
        "method": [
            part.strip() for part in shortened(result.method, _MAX_CODE).split("\n\n") if part.strip()
        ],
        "exactness": exactness_sentence(result.exactness),
        "recipes": _recipes(result, about),
        "facts": facts_of(result, about),
        "glossary": glossary_of(_texts(result)),
    }
    page["contents"] = _contents(page)
    return _environment().get_template("report.html.j2").render(page).encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("prismlane.engine.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_finalized,
    )


def _finalized(value: Any) -> Any:
    return visible(value) if type(value) is str else value


def _figures(charts: Sequence[Chart]) -> list[_Part]:
    write: Any = _environment().get_template("parts.html.j2").module
    parts = (_Part(figure.anchor, figure.title, write.figure(figure)) for figure in figures_of(charts))
    return _within(_MAX_CHARTS_BYTES, parts)


def _tables(result: Result) -> list[_Part]:
    write: Any = _environment().get_template("parts.html.j2").module
    views = ((number, table_view(table)) for number, table in enumerate(result.tables, start=1))
    parts = (
        _Part(f"table-{number}", shortened(view.title, _MAX_NAME), write.table(view))
        for number, view in views
    )
    return _within(_MAX_TABLES_BYTES, parts)


def _within(max_bytes: int, parts: Iterable[_Part]) -> list[_Part]:
    """The first of `parts` that fit into `max_bytes` together; those after them are not even made."""
    kept: list[_Part] = []
    n_bytes = 0
    for part in parts:
        n_bytes += len(part.html.encode())
        if n_bytes > max_bytes:
            break
        kept.append(part)
    return kept


def _evidence_first(charts: Sequence[Chart], shown: Sequence[Finding]) -> list[Chart]:
    """The charts that findings speak of in the order of the findings, then the others in their own."""
    cited = [finding.chart for finding in shown]
    return sorted(charts, key=lambda chart: cited.index(chart.name) if chart.name in cited else len(cited))


def _reversed_pairs(items: Sequence[Any], parts: Sequence[_Part]) -> list[tuple[Any, _Part]]:
    """Items with their parts, last first: where a name comes twice the first one is kept by a dict."""
    return list(zip(items, parts, strict=False))[::-1]


def _contents(page: dict[str, Any]) -> list[tuple[str, str]]:
    has_charts = page["figures"] or page["figures_note"]
    has_tables = page["tables"] or page["tables_note"]
    return [
        ("findings", "Findings"),
        *([("charts", "Evidence")] if has_charts else []),
        *([("tables", "Detail")] if has_tables else []),
        ("caveats", "Caveats"),
        ("method", "Method"),
        ("reproduce", "Reproduce"),
        *([("glossary", "Glossary")] if page["glossary"] else []),
    ]


def _recipes(result: Result, about: ReportAbout) -> list[dict[str, str]]:
    too_long = "The parameters are too long to show here; the job holds them."
    return [
        {"title": recipe.title, "code": recipe.code if len(recipe.code) <= _MAX_CODE else too_long}
        for recipe in recipes(result, about)
    ]


def _texts(result: Result) -> list[str]:
    """Where statistical terms are looked for."""
    texts = [result.method, *result.assumptions, *result.warnings]
    texts += [text for finding in result.findings for text in (finding.text, finding.action)]
    texts += [chart.title for chart in result.charts]
    texts += [name.replace("_", " ") for table in result.tables for name in table.columns]
    return texts


def _worst(findings: Sequence[Finding]) -> str:
    severities = {finding.severity for finding in findings}
    return next((severity for severity in ("warning", "notice") if severity in severities), "info")


def _left_out(n: int, noun: str) -> str:
    if n == 0:
        return ""
    return f"{counted(n, noun)} left out here to keep the report small. The result itself holds all of them."


def _cut_note(items: Sequence[Any]) -> str:
    return f"Shown: the first {_MAX_LISTED} of {len(items):,}." if len(items) > _MAX_LISTED else ""
