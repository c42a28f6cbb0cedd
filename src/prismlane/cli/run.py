"""`prismlane run`: one job from data to findings."""

import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from prismlane.cli.session import Session, session_of

DEFAULT_REPORT: Final = Path("prismlane-report.html")
ENGINES: Final = ("auto", "server", "local")


def run(
    ctx: typer.Context,
    analysis: Annotated[str, typer.Argument(help="Name of the analysis, e.g. profile.")],
    data: Annotated[str, typer.Argument(help="A data file, or the id of a dataset.")],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-P", metavar="KEY=VALUE", help="A parameter of the analysis."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report (HTML) to this file.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    engine: Annotated[
        str,
        typer.Option(
            metavar="|".join(ENGINES), help="A server, an engine started for this run, or what there is."
        ),
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="A label to find the job by.")
    ] = None,
) -> None:
    """Run an analysis of a file or dataset and print what it finds."""
    from prismlane.cli.connection import EngineChoice, connected

    if engine not in ENGINES:
        raise typer.BadParameter(f"one of {', '.join(ENGINES)}", param_hint="--engine")
    session = session_of(ctx)
    target = report or (DEFAULT_REPORT if open_ else None)
    with connected(session, EngineChoice(engine)) as connection:
        job = submit(session, connection.client, analysis, data, param or (), label or (), seed)
        result = finish(session, job, connection.is_own_engine)
        if target is not None:
            save_report(session, job, target)
    show_result(session, result)
    if open_ and target is not None:
        typer.launch(str(target.resolve()))


def submit(
    session: Session, client: Any, analysis: str, data: str, params: Any, labels: Any, seed: int = 0
) -> Any:
    """Submit an analysis of `data`, a path or the id of a dataset; returns the job."""
    from prismlane.cli.parameters import labels_from, parameters_from

    # The analysis first: a file is not sent for a name that was misspelt.
    schema = client.analyses.get(analysis).params_schema
    given, marks = parameters_from(params, schema), labels_from(labels)
    dataset_id = dataset_for(session, client, data)
    job = client.submit(analysis, dataset_id, params=given, labels=marks, seed=seed)
    session.messages.say(f"job {job.id}")
    return job


def dataset_for(session: Session, client: Any, data: str) -> str:
    """The id of the dataset that `data` names: the path of a file, which is sent, or an id."""
    from prismlane.cli.prefixes import find_dataset_id
    from prismlane.cli.text import size

    path = Path(data).expanduser()
    if data.startswith("ds_") and not path.exists():
        return find_dataset_id(client, data)
    with session.messages.step(f"register {path.name}"):
        dataset = client.datasets.add(path)
    shape = f"{dataset.n_rows:,} rows x {dataset.n_columns} columns, {size(dataset.n_bytes)}"
    session.messages.say(f"{'':11}{dataset.id}: {shape}")
    for warning in dataset.warnings:
        session.messages.say(f"{'':11}caution: {warning}")
    return str(dataset.id)


def finish(session: Session, job: Any, is_own_engine: bool) -> Any:
    """The result of `job` once it ended; tells what becomes of the job when the user stops waiting."""
    from prismlane.cli.watching import wait_for_end

    started = time.monotonic()
    try:
        wait_for_end(job, session.messages)
        result = job.result()
    except KeyboardInterrupt:
        leave(session, job, is_own_engine)
        raise
    session.messages.took(f"{job.analysis} (job {job.id})", time.monotonic() - started)
    return result


def leave(session: Session, job: Any, is_own_engine: bool) -> None:
    """Say goodbye to a job that has not ended."""
    if is_own_engine:
        job.cancel(mode="force", grace_s=0, reason="interrupted")
        session.messages.say(f"interrupted; {job.id} is cancelled, because its engine ends with this command")
    else:
        session.messages.say(f"interrupted; {job.id} goes on. To end it:  prismlane jobs cancel {job.id}")


def save_report(session: Session, job: Any, path: Path) -> None:
    """Write the report of `job` to `path`."""
    with session.messages.step(f"write {path}"):
        try:
            job.report().save(path)
        except OSError as error:
            from prismlane.common.errors import InvalidRequestError

            raise InvalidRequestError(f"the report cannot be written to {path}: {error.strerror}") from None


def show_result(session: Session, result: Any) -> None:
    """Print a result: findings in plain words, or all of it as JSON."""
    from prismlane.cli.findings import findings_text
    from prismlane.cli.terminal import stdout, width_of

    if session.output.is_table:
        session.output.text(findings_text(result, width_of(stdout())))
    else:
        session.output.json(result)
