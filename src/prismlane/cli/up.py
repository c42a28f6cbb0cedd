"""`prismlane up`, `down` and `status`: an engine on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from prismlane.cli.session import Session, session_of
from prismlane.cli.stop_signals import stop_signals
from prismlane.common.errors import ConflictError, NotReadyError, OverloadedError, ServerUnreachableError

if TYPE_CHECKING:
    from prismlane.common.settings import EngineSettings

FRONTS: Final = ("serve", "haproxy")
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
    front: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FRONTS), help="What takes the requests: Ray Serve's proxy, or HAProxy."
        ),
    ] = None,
) -> None:
    """Run an engine until Ctrl-C or `down`.

    Prints its URL once it takes jobs. Jobs that it accepted are kept when it ends, and go on when it is started again.
    """
    from prismlane.cli.engine_record import EngineRecord, running_engine
    from prismlane.cli.engine_settings import engine_settings
    from prismlane.cli.own_engine import own_engine

    if front not in {None, *FRONTS}:
        raise typer.BadParameter(f"one of {', '.join(FRONTS)}", param_hint="--front")
    session = session_of(ctx)
    settings = engine_settings(host=host, port=port, front=front, data_directory=data_dir, n_workers=workers)
    settings.check_bind()
    directory = settings.data.directory
    running = running_engine(directory)
    if running is not None:
        raise ConflictError(
            f"an engine already runs on {directory}: {running.url} (process {running.pid})",
            hint="use it, or end it:  prismlane down     or choose another --data-dir",
        )
    with stop_signals() as stop, own_engine(settings, session.messages, stop) as engine:
        record = EngineRecord.of_this_process(engine.url)
        try:
            record.write(directory)
            _announce(session, engine, record, settings)
            stop.wait()
        finally:
            record.remove(directory)


def _announce(session: Session, engine: Any, record: Any, settings: "EngineSettings") -> None:
    if session.output.is_table:
        session.output.text(engine.url)
    else:
        directory = str(settings.data.directory)
        session.output.json({"url": engine.url, "pid": record.pid, "data_directory": directory})
    say = session.messages.say
    say()
    say(f"  API      {engine.url}/v1")
    say(f"  docs     {engine.url}/openapi.json")
    say(f"  metrics  {engine.url}/metrics")
    say(f"  data     {settings.data.directory}")
    say(f"  logs     {settings.data.logs}")
    say(f"  safe     {safety(settings)}")
    say("  stop     Ctrl-C here, or prismlane down")


def safety(settings: "EngineSettings") -> str:
    """Who can reach an engine with these settings, and where its key came from."""
    from prismlane.cli.engine_settings import key_source
    from prismlane.common.settings import LOOPBACK_HOSTS

    source = key_source(settings)
    login = f"with the API key from {source}" if source else "no login"
    if settings.server.host in LOOPBACK_HOSTS:
        return f"this machine only, {login}"
    return f"reachable by other machines on {settings.server.host}, {login}; put TLS in front of it"


def down(ctx: typer.Context, data_dir: DataDirectory = None) -> None:
    """End the engine that `up` started here."""
    from prismlane.cli.engine_record import running_engine
    from prismlane.cli.engine_settings import engine_settings

    session = session_of(ctx)
    directory = engine_settings(data_directory=data_dir).data.directory
    engine = running_engine(directory)
    if engine is None:
        session.messages.say(f"no engine runs on {directory}")
        return
    with session.messages.step(f"end the engine at {engine.url} (process {engine.pid})"):
        ended = engine.stop(DOWN_TIMEOUT_S)
    if not ended:
        raise OverloadedError(
            f"process {engine.pid} was asked to end and still runs after {DOWN_TIMEOUT_S:g} s",
            hint=f"see {directory / 'logs'}; by force:  kill -KILL {engine.pid}     (accepted jobs are kept)",
        )


def status(ctx: typer.Context) -> None:
    """Show whether an engine answers."""
    from prismlane.cli.connection import reachable_client
    from prismlane.cli.sandbox_view import in_force, off

    session = session_of(ctx)
    client = reachable_client(session)
    if client is None:
        raise ServerUnreachableError(
            f"nothing answers at {session.address.url}", hint="start one:  prismlane up"
        )
    with client:
        view = client.ready()
    shown: dict[str, object] = {
        "URL": client.url,
        "READY": view.ready,
        "VERSION": view.version,
        "WORKERS": view.n_workers,
        "JOBS": f"{view.n_running} running, {view.n_queued} queued",
        "SANDBOX": in_force(view.sandbox),
        **{f"  {name} off": why for name, why in off(view.sandbox).items()},
        "DETAIL": view.detail or None,
    }
    session.output.item(
        {"url": client.url, **view.model_dump(mode="json")},
        {title: _always(value) for title, value in shown.items()},
    )
    if not view.ready:
        raise NotReadyError(view.detail)


def _always(value: object) -> Callable[[Any], object]:
    return lambda _: value
