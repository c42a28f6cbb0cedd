"""`prismlane jobs`: what runs, ran and waits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prismlane.cli.session import session_of

if TYPE_CHECKING:
    from prismlane.cli.output import Columns

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Jobs: what runs, ran and waits.")

JobId = Annotated[str, typer.Argument(metavar="JOB", help="Id of a job, or its unique beginning.")]
After = Annotated[int, typer.Option(min=0, help="Only the events after this number.")]


def _columns() -> "Columns":
    return {
        "ID": lambda job: job.id,
        "STATE": lambda job: job.state,
        "ANALYSIS": lambda job: job.analysis,
        "CREATED": lambda job: job.created_at,
        "SECONDS": _seconds,
        "WHY": lambda job: (job.error or {}).get("code") or job.reason,
    }


def _seconds(job: Any) -> str | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return f"{(job.finished_at - job.started_at).total_seconds():.2f}"


def _fields() -> "Columns":
    return {
        **_columns(),
        "DATASET": lambda job: job.dataset,
        "PARAMETERS": lambda job: job.params or None,
        "LABELS": lambda job: ", ".join(f"{key}={value}" for key, value in job.labels.items()) or None,
        "ATTEMPTS": lambda job: f"{job.n_attempts} of {job.max_attempts}",
        "PROGRESS": lambda job: f"{job.progress.done} of {job.progress.total}" if job.progress else None,
        "WHAT WENT WRONG": lambda job: (job.error or {}).get("detail"),
        "RESULT": lambda job: job.result_hash,
    }


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="Only jobs in this state; may be repeated.")] = None,
    analysis: Annotated[str | None, typer.Option(help="Only jobs of this analysis.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Only jobs that read this dataset.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Only jobs with this label.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most jobs to show.")] = 50,
) -> None:
    """List jobs, newest first."""
    from prismlane.cli.parameters import labels_from
    from prismlane.cli.prefixes import find_dataset_id

    session = session_of(ctx)
    with session.client() as client:
        found = client.jobs.list(
            state=state or (),
            analysis=analysis,
            dataset=find_dataset_id(client, dataset) if dataset else None,
            labels=labels_from(label or ()),
            limit=limit,
            page_size=min(limit, 1000),
        )
        session.output.items((job.view for job in found), _columns())


@app.command()
def show(ctx: typer.Context, job: JobId) -> None:
    """Show all there is to know of a job."""
    from prismlane.cli.prefixes import find_job

    session = session_of(ctx)
    with session.client() as client:
        session.output.item(find_job(client, job).view, _fields())


@app.command()
def submit(
    ctx: typer.Context,
    analysis: Annotated[str, typer.Argument(help="Name of the analysis, e.g. profile.")],
    data: Annotated[str, typer.Argument(help="A data file, or the id of a dataset.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-P", metavar="KEY=VALUE", help="A parameter of the analysis."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A label to find the job by.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> None:
    """Submit a job and print its id without waiting for it."""
    from prismlane.cli.run import submit as submit_job

    session = session_of(ctx)
    with session.client() as client:
        job = submit_job(session, client, analysis, data, param or (), label or (), seed)
        if session.output.is_table:
            session.output.text(job.id)
        else:
            session.output.json(job.view)


@app.command()
def watch(ctx: typer.Context, job: JobId, after: After = 0) -> None:
    """Print the events of a job as they happen, until it ended."""
    from prismlane.cli.prefixes import find_job

    session = session_of(ctx)
    with session.client() as client:
        found = find_job(client, job)
        for event in found.events(after=after):
            _print_event(session.output, event)
        _raise_unless_succeeded(found.refresh())


@app.command()
def events(ctx: typer.Context, job: JobId, after: After = 0) -> None:
    """List the events of a job so far."""
    from prismlane.cli.prefixes import find_job

    session = session_of(ctx)
    with session.client() as client:
        session.output.items(find_job(client, job).history(after=after), _EVENT)


_EVENT: "Columns" = {
    "SEQ": lambda event: event.seq,
    "TIME": lambda event: event.time,
    "EVENT": lambda event: event.type,
    "DETAIL": lambda event: ", ".join(f"{key}={value}" for key, value in event.data.items()) or None,
}


def _print_event(output: Any, event: Any) -> None:
    from prismlane.cli.output import plain
    from prismlane.cli.text import cell

    if output.is_table:
        output.text("  ".join(cell(show(event)) for show in _EVENT.values()).rstrip())
    else:  # one line an event also for json: a stream has no end to close a list at
        import json

        output.raw(json.dumps(plain(event), ensure_ascii=False) + "\n")


def _raise_unless_succeeded(job: Any) -> None:
    if job.state.is_terminal and job.state != "succeeded":
        job.result()


@app.command()
def result(ctx: typer.Context, job: JobId) -> None:
    """Print what a job found; waits for its end."""
    from prismlane.cli.prefixes import find_job
    from prismlane.cli.run import finish, show_result

    session = session_of(ctx)
    with session.client() as client:
        show_result(session, finish(session, find_job(client, job), is_own_engine=False))


@app.command()
def report(
    ctx: typer.Context,
    job: JobId,
    out: Annotated[Path | None, typer.Option(help="Write it to this file instead of stdout.")] = None,
) -> None:
    """Print the report of a job (HTML), or write it to a file."""
    from prismlane.cli.prefixes import find_job
    from prismlane.cli.run import save_report

    session = session_of(ctx)
    with session.client() as client:
        found = find_job(client, job)
        if out is None:
            session.output.raw(found.report().html)
        else:
            save_report(session, found, out)


@app.command()
def cancel(
    ctx: typer.Context,
    job: JobId,
    force: Annotated[bool, typer.Option("--force", help="Kill it at once.")] = False,
    grace_s: Annotated[float, typer.Option("--grace", help="Seconds before it is killed.")] = 10.0,
    reason: Annotated[str, typer.Option(help="For those who read its events.")] = "",
) -> None:
    """Ask a job to end."""
    from prismlane.cli.prefixes import find_job

    session = session_of(ctx)
    with session.client() as client:
        found = find_job(client, job).cancel(
            mode="force" if force else "cooperative", grace_s=grace_s, reason=reason
        )
        session.output.item(found.view, _columns())


@app.command()
def wait(
    ctx: typer.Context,
    job: JobId,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait; exit code 124 when over.")
    ] = None,
) -> None:
    """Wait until a job ended; the exit code says how."""
    from prismlane.cli.prefixes import find_job

    session = session_of(ctx)
    with session.client() as client:
        found = find_job(client, job).wait(timeout)
        session.output.item(found.view, _columns())
        _raise_unless_succeeded(found)
