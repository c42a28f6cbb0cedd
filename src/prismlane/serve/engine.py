"""The engine on this machine: Ray, the actors and the gateway, started and ended together."""

import contextlib
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self

from prismlane.common.errors import InvalidRequestError, NotReadyError, StoreUnavailableError
from prismlane.common.settings import LOOPBACK_HOSTS, EngineSettings
from prismlane.engine.storage.directory_lock import DirectoryLock
from prismlane.serve import ray_environment

OnStep = Callable[[str, float], None]

#: Below the ports that Linux gives to who asks for any (32768 and above).
UNCLAIMED_PORTS: Final = range(20_000, 32_768)
N_PORTS_TRIED: Final = 100


class LocalEngine:
    """A whole engine in Ray processes of its own. `start` it; `stop` hands work back and ends every process.

    One a process at a time: Ray keeps its connection in the process.
    """

    def __init__(self, settings: EngineSettings, url: str, ray_directory: Path) -> None:
        self._settings = settings
        self._ray_directory = ray_directory
        self.url = url
        key = settings.auth.api_key
        self.api_key = key.get_secret_value() if key is not None else None

    @classmethod
    def start(cls, settings: EngineSettings | None = None, *, on_step: OnStep | None = None) -> Self:
        """Start Ray, the actors and the gateway, and wait until it takes jobs.

        Args:
            settings: of the engine; those of the environment if left out.
            on_step: called after each step with its name and its seconds.

        Raises:
            UnsafeBindError: a public address without an API key.
            InvalidRequestError: the port is taken.
            StoreInUseError: another engine runs on the data directory.
            NotReadyError: Ray did not start.
            PrismlaneError: the data directory cannot be used; says why.
        """
        asked = settings or EngineSettings.load()
        asked.check_bind()
        port = _free_port(asked.server.host, asked.server.port)
        ready = asked.model_copy(update={"server": asked.server.model_copy(update={"port": port})})
        _make_data_directory(ready.data.directory)
        # The tracker takes the lock for good; asked for here, it refuses before a minute of starting, and says who holds it.
        DirectoryLock(ready.data.directory).release()
        # Unix sockets have at most 107 bytes in their names: Ray's folder has to be short.
        engine = cls(
            ready, f"http://{_named(ready.server.host)}:{port}", Path(tempfile.mkdtemp(prefix="pl-"))
        )
        try:
            engine._start_parts(_steps(on_step or (lambda *_: None)))
        except BaseException:
            engine.stop()
            raise
        return engine

    def stop(self) -> None:
        """Hand work back, close the store, and end Ray. Does nothing the second time."""
        from prismlane.serve import ray_session  # noqa: PLC0415 - imports Ray

        ray_session.stop_all(self._settings)
        shutil.rmtree(self._ray_directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_parts(self, step: Callable[[str], contextlib.AbstractContextManager[None]]) -> None:
        with step("start Ray"):
            ray_environment.prepare(self._settings, self._ray_directory)
            from prismlane.serve import ray_session  # noqa: PLC0415 - imports Ray, after its environment is set

            try:
                ray_session.start_ray(self._settings, self._ray_directory)
            except Exception as error:  # Ray has no class of its own for this
                raise NotReadyError(
                    f"Ray did not start: {error}",
                    hint="The machine may be short of time or memory for it: try again.",
                ) from error
        with step("start the engine"):
            ray_session.start_engine(self._settings)


def _make_data_directory(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(
            f"the data directory {directory} cannot be made: {error.strerror}",
            hint="Choose another one: PRISMLANE_DATA__DIRECTORY=…",
        ) from error


def _free_port(host: str, port: int) -> int:
    """`port`, or a free one for 0.

    Raises:
        InvalidRequestError: something listens there already.
    """
    if port:
        _check_free(host, port)
        return port
    # Not one that the kernel gives: Ray's processes, and every outgoing connection of this machine, take theirs from the
    # same range in the seconds before the gateway listens.
    for candidate in random.sample(UNCLAIMED_PORTS, N_PORTS_TRIED):
        with contextlib.suppress(InvalidRequestError):
            _check_free(host, candidate)
            return candidate
    raise InvalidRequestError(f"found no free port on {host}", facts={"host": host})


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidRequestError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                hint="Stop what listens there, or choose another port (0 takes a free one).",
                facts={"host": host, "port": port},
            ) from error


def _named(host: str) -> str:
    """`host` as a client on this machine names it in a URL."""
    if host in LOOPBACK_HOSTS:
        return f"[{host}]" if ":" in host else host
    return "127.0.0.1"


def _steps(on_step: OnStep) -> Callable[[str], contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def step(name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        on_step(name, time.monotonic() - started)

    return step
