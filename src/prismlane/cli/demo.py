"""`prismlane demo`: real data, one command, findings and a report."""

from pathlib import Path
from typing import Annotated

import typer

from prismlane.cli.run import DEFAULT_REPORT, finish, save_report
from prismlane.cli.session import session_of


def demo(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="Where to write the report.")] = DEFAULT_REPORT,
) -> None:
    """Profile the flights that left New York City in 2013 and write a report; prints its path."""
    from prismlane.cli.connection import EngineChoice, connected
    from prismlane.cli.findings import findings_text
    from prismlane.cli.flights import flights
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
    say(findings_text(result))
    say()
    say(f"report:  {out.resolve()}")
    say("next:    prismlane run profile YOUR_DATA.csv --report report.html")
    say("         prismlane up")
    if session.output.is_table:
        session.output.text(str(out.resolve()))
    else:
        session.output.json({"report": str(out.resolve()), "job": job.id, "dataset": dataset.id})
