"""A result for people who read a terminal."""

import textwrap
from collections.abc import Iterator

from prismlane.common.wire import Finding, Result

_MARKS = {"warning": "WARNING", "notice": "notice ", "info": "info   "}


#: Narrower than this, lines are left to the terminal.
MIN_WIDTH = 40
_INDENT = " " * 14


def findings_text(result: Result, width: int | None = None) -> str:
    """The title, the findings in falling order of weight, then warnings.

    Args:
        result: of a job.
        width: columns of the terminal, to break lines between words; None leaves each sentence on one line.
    """
    lines = [result.title, "", *_findings(result), *_caveats(result)]
    if width is not None and width >= MIN_WIDTH:
        lines = [part for line in lines for part in _wrapped(line, width)]
    return "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    indent = f"{_INDENT}   " if line.startswith(f"{_INDENT}->") else _INDENT
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _findings(result: Result) -> Iterator[str]:
    if not result.findings:
        yield "Nothing stands out."
    ranked = sorted(result.findings, key=lambda finding: -finding.score)
    for rank, finding in enumerate(ranked, start=1):
        yield from _finding(rank, finding)


def _finding(rank: int, finding: Finding) -> Iterator[str]:
    yield f"{rank:3}. {_MARKS.get(finding.severity, finding.severity)}  {finding.text}"
    if finding.action:
        yield f"{_INDENT}-> {finding.action}"


def _caveats(result: Result) -> Iterator[str]:
    if result.warnings:
        yield ""
    yield from (f"caution: {warning}" for warning in result.warnings)
    if result.exactness.kind != "exact":
        yield f"These numbers are not exact ({result.exactness.kind}). {result.exactness.error}".rstrip()
