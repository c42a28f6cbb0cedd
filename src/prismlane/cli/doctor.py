"""`prismlane doctor`: what could keep Prismlane from running here, and how to mend it."""

import typer

from prismlane.cli.exit_codes import FAILED
from prismlane.cli.session import session_of

_MARKS = {"ok": "ok  ", "warning": "WARN", "problem": "FAIL"}


def doctor(ctx: typer.Context) -> None:
    """Check this machine and its engine.

    Exits with 1 if something is wrong.
    """
    from prismlane.cli.checks import Finding, all_checks

    session = session_of(ctx)
    found: list[Finding] = list(all_checks(session))
    if session.output.is_table:
        for finding in found:
            session.output.text(f"{_MARKS[finding.verdict]}  {finding.check}: {finding.what}")
            if finding.fix:
                session.output.text(f"      -> {finding.fix}")
    else:
        session.output.items([finding.to_dict() for finding in found], {})
    if any(finding.verdict == "problem" for finding in found):
        raise typer.Exit(FAILED)
