"""Ray on this machine: started, filled with the actors and the gateway, and ended.

Importing this module imports Ray, which reads its environment at once: `ray_environment.prepare` comes first.
"""

import asyncio
import contextlib
import io
import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ray
from prismlane.actors import names
from prismlane.actors.handles import SupervisorHandle
from prismlane.actors.supervisor import create, kill
from prismlane.common.errors import PrismlaneError
from prismlane.common.settings import EngineSettings
from prismlane.serve.gateway import application
from ray import serve

APPLICATION: Final = "prismlane"
_LOGS: Final = {"log_level": "WARNING", "enable_access_log": False}


def start_ray(settings: EngineSettings, directory: Path) -> None:
    """Start a Ray of our own, whose files are below `directory`."""
    # Our own process prints for people; what Ray has to say is in its log files.
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with _sigterm_kept():
        ray.init(
            address="local",
            namespace=settings.namespace,
            num_cpus=settings.worker.n_workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(directory),
        )


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Keep this process's handler of SIGTERM: Ray's native one aborts the process three seconds after the signal, which
    may be in the middle of handing work back.
    """
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        # Set again also where it is Ray's own Python handler: that takes the native one away.
        signal.signal(signal.SIGTERM, handler if callable(handler) else signal.getsignal(signal.SIGTERM))


def start_engine(settings: EngineSettings) -> None:
    """Start the actors and, beside them, the gateway; return when the engine takes jobs."""
    create(names.SUPERVISOR, "supervisor", settings)
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": settings.server.host, "port": settings.server.port},
        logging_config=_LOGS,
    )
    # The gateway's replicas wait for the tracker by themselves.
    serve.run(application(settings), name=APPLICATION, route_prefix="/", logging_config=_LOGS)
    asyncio.run(SupervisorHandle(names.SUPERVISOR, settings.namespace, deadline_s=120.0).ping())


def stop_all(settings: EngineSettings) -> None:
    """Hand work back, close the store, and end Ray. Does nothing where Ray does not run."""
    if not ray.is_initialized():
        return
    with contextlib.suppress(PrismlaneError):
        asyncio.run(SupervisorHandle(names.SUPERVISOR, settings.namespace, deadline_s=20.0).drain())
    for name in (names.SUPERVISOR, names.TRACKER):
        kill(name, settings.namespace, restart=False)
    # Serve and Ray tell of their own end in lines that would only worry people.
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        with contextlib.suppress(Exception):
            serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()
