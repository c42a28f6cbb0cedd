"""A client for a command: of a server that answers, else of an engine that lives as long as the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from prismlane.cli.engine_record import running_engine
from prismlane.cli.engine_settings import data_directory, engine_settings
from prismlane.cli.own_engine import own_engine
from prismlane.cli.session import Session
from prismlane.cli.stop_signals import stop_signals
from prismlane.client import Client
from prismlane.common.errors import ServerUnreachableError


class EngineChoice(StrEnum):
    """Which engine runs a job."""

    AUTO = "auto"
    SERVER = "server"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, and whether its engine ends with the command."""

    client: Client
    is_own_engine: bool


@contextmanager
def connected(session: Session, choice: EngineChoice) -> Iterator[Connection]:
    """A connection that is closed, and whose own engine is ended, after the block.

    With `AUTO` a server that answers at the address is used; where none answers on this machine, an engine is started.
    A server on another machine is never replaced: whoever names one wants that one.

    Raises:
        ServerUnreachableError: the server is wanted, and nothing answers.
        EngineMissingError: an engine is wanted, and only the client is installed.
    """
    client = None if choice is EngineChoice.LOCAL else _server(session, choice)
    if client is not None:
        with client:
            yield Connection(client, is_own_engine=False)
    else:
        with _own_client(session) as own:
            yield Connection(own, is_own_engine=True)


def _server(session: Session, choice: EngineChoice) -> Client | None:
    client = reachable_client(session)
    if client is not None:
        return client
    if choice is EngineChoice.SERVER or not session.address.is_loopback:
        with session.client() as unreachable:
            unreachable.ready()
    session.messages.say(f"no server answers at {session.address.url}; starting an engine for this command")
    return None


def reachable_client(session: Session) -> Client | None:
    """A client of the server that answers: at the address, else, if nobody named one, where `up` left its record."""
    urls = [session.address.url]
    if session.configuration.is_default_url:
        record = running_engine(data_directory())
        urls += [record.url] if record and record.url not in urls else []
    for url in urls:
        client = Client(url, session.address.api_key)
        if _answers(client):
            return client
        client.close()
    return None


def _answers(client: Client) -> bool:
    try:
        client.ready()
    except ServerUnreachableError:
        return False
    return True


@contextmanager
def _own_client(session: Session) -> Iterator[Client]:
    settings = engine_settings(port=0)
    with (
        stop_signals() as stop,
        own_engine(settings, session.messages, stop) as engine,
        Client(engine.url, engine.api_key) as client,
    ):
        yield client
