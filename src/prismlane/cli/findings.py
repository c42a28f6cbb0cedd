"""A result for people who read a terminal."""

from collections.abc import Iterator

from prismlane.common.wire import Finding, Result

_MARKS = {"warning": "WARNING", "notice": "notice ", "info": "info   "}


def findings_text(result: Result) -> str:
    """The title, the findings in falling order of weight, then warnings."""
    return "\n".join([result.title, "", *_findings(result), *_caveats(result)])


def _findings(result: Result) -> Iterator[str]:
    if not result.findings:
        yield "Nothing stands out."
    ranked = sorted(result.findings, key=lambda finding: -finding.score)
    for rank, finding in enumerate(ranked, start=1):
        yield from _finding(rank, finding)


def _finding(rank: int, finding: Finding) -> Iterator[str]:
    yield f"{rank:3}. {_MARKS.get(finding.severity, finding.severity)}  {finding.text}"
    if finding.action:
        yield f"{'':14}-> {finding.action}"


def _caveats(result: Result) -> Iterator[str]:
    if result.warnings:
        yield ""
    yield from (f"caution: {warning}" for warning in result.warnings)
    if result.exactness.kind != "exact":
        yield f"These numbers are not exact ({result.exactness.kind}). {result.exactness.error}".rstrip()
