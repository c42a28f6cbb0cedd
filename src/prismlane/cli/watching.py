"""Waiting for a job in front of a person: a progress bar on a terminal, patience elsewhere."""

from typing import Any

from prismlane.cli.messages import Messages
from prismlane.client import Job
from prismlane.common.wire import Progress


def wait_for_end(job: Job, messages: Messages) -> None:
    """Wait until `job` ended, and show on a terminal how far it is."""
    if messages.can_show_progress:
        _with_bar(job, messages)
    job.wait()


def _with_bar(job: Job, messages: Messages) -> None:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=messages.console(), transient=True) as bar:
        task = bar.add_task(str(job.state), total=None)
        for seen in job.follow():
            bar.update(task, **_shown(seen))


def _shown(seen: Any) -> dict[str, Any]:
    if isinstance(seen, Progress):
        return {"completed": seen.done, "total": seen.total, "description": seen.phase or "running"}
    return {"description": _WORDS.get(seen.type, seen.type)}


#: What the events say that every job has.
_WORDS = {"job.accepted": "waiting", "attempt.claimed": "running", "job.succeeded": "done"}
