"""What identifies a run, and how exact its result is."""

from typing import Final

from prismlane.common.clock import rfc3339
from prismlane.common.wire import Exactness, Result
from prismlane.engine.reports.about import ReportAbout
from prismlane.engine.reports.text import counted, format_duration, shortened

_MAX_TEXT: Final = 400


def exactness_sentence(exactness: Exactness) -> str:
    """How exact a result is, as a sentence."""
    if exactness.kind == "exact":
        return "computed from all rows, without estimation."
    error = f" ({exactness.error})" if exactness.error else ""
    if exactness.kind == "sketch":
        return f"estimated by sketches over all rows{error}."
    rows = f" of {counted(exactness.n, 'row')}" if exactness.n is not None else ""
    return f"computed from a random sample{rows}{error}."


def facts_of(result: Result, about: ReportAbout) -> list[tuple[str, str]]:
    """What identifies the run: hashes, seed, versions, times."""
    duration_s = (about.finished_at - about.submitted_at).total_seconds()
    facts = [
        ("Job", about.job_id),
        ("Analysis", f"{result.analysis} {result.analysis_version}"),
        ("Result hash", f"sha256:{about.result_hash}"),
    ]
    if result.dataset:
        facts.append(("Data fingerprint", f"sha256:{result.dataset.fingerprint}"))
    facts += [
        ("Seed", str(about.seed)),
        ("Submitted", rfc3339(about.submitted_at.timestamp())),
        ("Finished", f"{rfc3339(about.finished_at.timestamp())} (after {format_duration(duration_s)})"),
    ]
    facts += [("Server", about.server_url)] if about.server_url else []
    facts += [(f"{name} version", version) for name, version in sorted(result.versions.items())]
    return [(name, shortened(value, _MAX_TEXT)) for name, value in facts]
