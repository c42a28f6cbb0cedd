"""A result as a short Markdown report: findings, summary, tables, how to run it again."""

import re

from prismlane.common.wire import Result
from prismlane.engine.reports.about import ReportAbout
from prismlane.engine.reports.facts import exactness_sentence, facts_of
from prismlane.engine.reports.reproduce import recipes
from prismlane.engine.reports.tables import TableView, table_view
from prismlane.engine.reports.text import counted, shortened, visible
from prismlane.engine.reports.verdict import MAX_FINDINGS, finding_view, ranked, tiles_of, verdict_of

_MAX_NAME = 120
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&~])")


def render_markdown(result: Result, about: ReportAbout) -> str:
    """`result` as GitHub-flavoured Markdown without charts; text of the data is escaped."""
    data = (
        f"{_text(about.dataset_name)} · {counted(about.n_rows, 'row')} · {counted(about.n_columns, 'column')}"
    )
    blocks = [f"# {_text(result.title)}", data, f"**{verdict_of(result)}**"]
    blocks.append(
        "\n".join(f"- {_text(tile.label)}: {_text(tile.value)}" for tile in tiles_of(result.summary))
    )
    blocks += ["## Findings", *_findings(result)] if result.findings else []
    for table in result.tables:
        blocks += [f"## {_text(table.title)}", _table(table_view(table))]
    if result.warnings:
        blocks += ["## Caveats", "\n".join(f"- {_text(warning)}" for warning in result.warnings)]
    blocks += ["## Method", _text(result.method), f"Exactness: {_text(exactness_sentence(result.exactness))}"]
    blocks += ["## Reproduce", *(_fenced(recipe.code) for recipe in recipes(result, about))]
    blocks.append("\n".join(f"- {_text(name)}: {_text(value)}" for name, value in facts_of(result, about)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _findings(result: Result) -> list[str]:
    findings = ranked(result.findings)
    blocks = []
    for number, finding in enumerate(findings[:MAX_FINDINGS], start=1):
        view = finding_view(finding, {})
        action = f" *{_text(view.action)}*" if view.action else ""
        blocks.append(f"{number}. **{view.word}:** {_text(view.text, 400)}{action}")
    n_further = len(findings) - len(blocks)
    return ["\n".join(blocks), f"{counted(n_further, 'more finding')} in the result." if n_further else ""]


def _table(view: TableView) -> str:
    rule = ["---:" if numeric else "---" for numeric in view.numeric]
    rows = [view.headings, *view.rows]
    lines = ["| " + " | ".join(_text(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(lines) + (f"\n\n{view.note}" if view.note else "")


def _fenced(code: str) -> str:
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(code)}\n{fence}"


def _text(text: str, n_max: int = _MAX_NAME * 4) -> str:
    one_line = " ".join(visible(shortened(text, n_max)).split())
    return _SPECIAL.sub(r"\\\1", one_line)
