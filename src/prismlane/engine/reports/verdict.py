"""The top of a report: one sentence on how things stand, and the findings that say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prismlane.common.wire import Evidence, Finding, Result
from prismlane.engine.reports.text import (
    counted,
    format_field,
    format_number,
    format_value,
    heading_of,
    shortened,
)

MAX_FINDINGS: Final = 7
_MAX_SENTENCE: Final = 400
_MAX_TILES: Final = 8
_WORDS: Final[Mapping[str, str]] = {"warning": "Warning", "notice": "Notice", "info": "Info"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number behind a finding."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding ready to be written."""

    severity: str
    #: The severity as a word.
    word: str
    text: str
    action: str
    numbers: Sequence[Number]
    #: Anchor and title of what shows it; empty where nothing does.
    anchor: str
    anchor_title: str
    #: `chart` or `table`.
    anchor_kind: str


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """`findings` by falling score; equal ones in the order in which they came."""
    return sorted(findings, key=lambda finding: -finding.score)


def verdict_of(result: Result) -> str:
    """One sentence: how much of what was found asks for attention."""
    n_warnings, n_notices = (
        sum(finding.severity == severity for finding in result.findings) for severity in ("warning", "notice")
    )
    parts = [counted(n_warnings, "warning")] if n_warnings else []
    parts += [counted(n_notices, "notice")] if n_notices else []
    if n_warnings:
        return f"Needs attention: {' and '.join(parts)}."
    if n_notices:
        return f"Worth a look: {' and '.join(parts)}."
    return "Nothing here asks for attention."


def finding_view(finding: Finding, anchors: Mapping[str, tuple[str, str]]) -> FindingView:
    """`finding` with a link to its evidence; `anchors` holds (anchor, title) by names of charts and tables."""
    name = _evidence_name(finding, anchors)
    anchor, title = anchors.get(name, ("", ""))
    return FindingView(
        severity=finding.severity,
        word=_WORDS[finding.severity],
        text=shortened(finding.text, _MAX_SENTENCE),
        action=shortened(finding.action, _MAX_SENTENCE),
        numbers=[_number(evidence) for evidence in finding.evidence if evidence.value is not None],
        anchor=anchor,
        anchor_title=shortened(title, 80),
        anchor_kind=name.partition(":")[0],
    )


def tiles_of(summary: Mapping[str, Any]) -> list[Number]:
    """The first plain values of a summary with their labels."""
    plain = [(name, value) for name, value in summary.items() if isinstance(value, str | int | float | bool)]
    return [
        Number(heading_of(name), shortened(format_field(name, value), 40))
        for name, value in plain[:_MAX_TILES]
    ]


def _evidence_name(finding: Finding, anchors: Mapping[str, tuple[str, str]]) -> str:
    """Its chart, or else the table that its evidence names, or else the first table."""
    names = [f"chart:{finding.chart}"]
    names += [
        f"table:{part}" for evidence in finding.evidence for part in evidence.pointer.split("/") if part
    ]
    found = [name for name in names if name in anchors]
    tables = [name for name in anchors if name.startswith("table:")]
    return (found or tables or [""])[0]


def _number(evidence: Evidence) -> Number:
    name = evidence.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    value = evidence.value
    if evidence.unit and isinstance(value, int | float) and not isinstance(value, bool):
        # "Rows 300", not "Rows 300 rows".
        is_said = heading_of(name).lower() == evidence.unit
        shown = format_number(value) if is_said else f"{format_number(value)} {evidence.unit}"
    else:
        shown = format_field(name, value)
    label = "" if name.isdigit() else heading_of(name)
    return Number(shortened(label, 60), shortened(shown or format_value(value), 60))
