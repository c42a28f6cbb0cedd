"""`prismlane up`, `down` and `status`: an engine on this machine."""

import ipaddress
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from prismlane.cli.session import Session, session_of
from prismlane.common.errors import ConflictError, NotReadyError, OverloadedError, ServerUnreachableError

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DOWN_TIMEOUT_S: Final = 90.0

DataDirectory = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the engine keeps its data (PRISMLANE_DATA__DIRECTORY)."),
]


def up(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=0, max=65535, help="Port; 0 takes a free one.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
    data_dir: DataDirectory = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many jobs run at once.")] = None,
) -> None:
    """Run an engine on this machine until Ctrl-C or `prismlane down`; prints its URL."""
    from prismlane.cli.engine_record import EngineRecord, running_engine
    from prismlane.cli.engine_settings import engine_settings
    from prismlane.client.local import start_engine

    session = session_of(ctx)
    settings = engine_settings(host=host, port=port, data_directory=data_dir, n_workers=workers)
    directory = Path(settings.data.directory)
    running = running_engine(directory)
    if running is not None:
        raise ConflictError(
            f"an engine already runs on {directory}: {running.url} (process {running.pid})",
            hint="use it, or end it:  prismlane down     or choose another --data-dir",
        )
    with stop_signals() as stop:
        engine = start_engine(settings, session.messages.took)
        record = EngineRecord.of_this_process(engine.url)
        try:
            record.write(directory)
            _announce(session, engine, record, directory)
            stop.wait()
        finally:
            record.remove(directory)
            with session.messages.step("stop"):
                engine.stop()


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that is set by the first signal that asks this process to end."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in STOP_SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(session: Session, engine: Any, record: Any, directory: Path) -> None:
    if session.output.is_table:
        session.output.text(engine.url)
    else:
        session.output.json({"url": engine.url, "pid": record.pid, "data_directory": str(directory)})
    say = session.messages.say
    say()
    say(f"  API      {engine.url}/v1")
    say(f"  docs     {engine.url}/openapi.json")
    say(f"  metrics  {engine.url}/metrics")
    say(f"  data     {directory}")
    say(f"  safe     {safety(engine.url, has_key=engine.api_key is not None)}")
    say("  stop     Ctrl-C here, or prismlane down")


def safety(url: str, *, has_key: bool) -> str:
    """Who can reach an engine at `url`."""
    host = url.partition("://")[2].rpartition(":")[0].strip("[]")
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        return "reachable by other machines, with the API key only; put TLS in front of it"
    return "this machine only, with the API key" if has_key else "this machine only, no login"


def down(ctx: typer.Context, data_dir: DataDirectory = None) -> None:
    """End the engine that `prismlane up` started on this machine."""
    from prismlane.cli.engine_record import running_engine
    from prismlane.cli.engine_settings import engine_settings

    session = session_of(ctx)
    directory = Path(engine_settings(data_directory=data_dir).data.directory)
    engine = running_engine(directory)
    if engine is None:
        session.messages.say(f"no engine runs on {directory}")
        return
    with session.messages.step(f"end the engine at {engine.url} (process {engine.pid})"):
        ended = engine.stop(DOWN_TIMEOUT_S)
    if not ended:
        raise OverloadedError(
            f"process {engine.pid} was asked to end and still runs after {DOWN_TIMEOUT_S:g} s",
            hint=f"look at its log; by force:  kill -KILL {engine.pid}     (accepted jobs are kept)",
        )


def status(ctx: typer.Context) -> None:
    """Show whether an engine answers, and what it does."""
    from prismlane.cli.connection import reachable_client

    session = session_of(ctx)
    client = reachable_client(session)
    if client is None:
        raise ServerUnreachableError(
            f"nothing answers at {session.address.url}", hint="start one:  prismlane up"
        )
    with client:
        view = client.ready()
    session.output.item(
        {"url": client.url, **view.model_dump(mode="json")},
        {
            "URL": lambda _: client.url,
            "READY": lambda _: view.ready,
            "VERSION": lambda _: view.version,
            "WORKERS": lambda _: view.n_workers,
            "JOBS": lambda _: f"{view.n_running} running, {view.n_queued} queued",
            "SANDBOX": lambda _: ", ".join(f"{key}: {value}" for key, value in view.sandbox.items()) or None,
            "DETAIL": lambda _: view.detail or None,
        },
    )
    if not view.ready:
        raise NotReadyError(view.detail)
