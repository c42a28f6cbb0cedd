"""Parts that several services are made of."""

from collections.abc import Callable

from prismlane.common.logs import logger
from prismlane.common.settings import EngineSettings
from prismlane.engine.sandbox.child_process import ChildProcess
from prismlane.engine.sandbox.limits import Limits
from prismlane.engine.storage.directory_blobs import DirectoryBlobs
from prismlane.engine.targets import PRELOAD, TARGETS

_log = logger("child")


def blobs(settings: EngineSettings) -> DirectoryBlobs:
    """The blobs of the data directory."""
    return DirectoryBlobs(settings.data.directory / "blobs")


def limits(settings: EngineSettings) -> Limits:
    """What a child may use that reads users' data."""
    return Limits(
        memory_bytes=settings.worker.memory_bytes,
        file_bytes=settings.data.max_table_bytes,
        n_threads=settings.worker.threads,
    )


def child(settings: EngineSettings, name: str, within: Limits) -> ChildProcess:
    """A child process that can be asked for all targets. Its lines go into this process's log."""
    return ChildProcess(
        within,
        TARGETS,
        settings.data.directory / "scratch",
        preload=[*PRELOAD, *settings.plugins],
        on_log=_log_under(name),
    )


def _log_under(name: str) -> Callable[[str], None]:
    def log(line: str) -> None:
        _log.info(line, child=name)

    return log
