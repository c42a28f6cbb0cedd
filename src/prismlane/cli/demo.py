"""`prismlane demo`: real data, one command, findings and a report."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from prismlane.cli.run import DEFAULT_REPORT, finish, save_report
from prismlane.cli.session import session_of


def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Where to write the report.")] = DEFAULT_REPORT,
) -> None:
    """Profile real data and write a report.

    The data are the flights that left New York City in 2013. Prints the path of the report.
    """
    from prismlane.cli.connection import EngineChoice, connected
    from prismlane.cli.findings import findings_text
    from prismlane.cli.flights import flights
    from prismlane.cli.terminal import stderr, width_of
    from prismlane.cli.text import size

    session = session_of(ctx)
    say = session.messages.say
    with connected(session, EngineChoice.AUTO) as connection, flights() as data:
        client = connection.client
        say(f"{'':11}data: {data.description}")
        with session.messages.step(f"register {data.path.name}"):
            dataset = client.datasets.add(data.path)
        say(f"{'':11}{dataset.n_rows:,} rows x {dataset.n_columns} columns, {size(dataset.n_bytes)}")
        job = client.submit("profile", dataset)
        result = finish(session, job, connection.is_own_engine)
        save_report(session, job, out)
    say()
    say(findings_text(result, width_of(stderr())))
    say()
    say(f"report:  {out.resolve()}")
    say(f"next:    {program()} run profile YOUR_DATA.csv --report report.html")
    say(f"         {program()} up")
    if session.output.is_table:
        session.output.text(str(out.resolve()))
    else:
        session.output.json({"report": str(out.resolve()), "job": job.id, "dataset": dataset.id})


def program() -> str:
    """What to type to call this command again: its path where its name alone would not find it."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    return called.name if found and Path(found).resolve() == called.resolve() else str(called)
