"""The file that says which engine runs on a data directory, so that other commands find it."""

import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE_NAME: Final = "engine.json"


@dataclass(frozen=True, slots=True)
class EngineRecord:
    """A running engine. `started` tells its process from a later one with the same number."""

    pid: int
    started: str
    url: str

    @classmethod
    def of_this_process(cls, url: str) -> "EngineRecord":
        """The record of the engine that runs in this process."""
        pid = os.getpid()
        return cls(pid, _start_of(pid) or "", url)

    def write(self, directory: Path) -> None:
        """Leave the record in `directory`, readable by its owner only."""
        descriptor = os.open(directory / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)

    def remove(self, directory: Path) -> None:
        """Take the record away, unless another engine has put its own there."""
        if read_record(directory) == self:
            (directory / FILE_NAME).unlink(missing_ok=True)

    @property
    def is_alive(self) -> bool:
        """Whether the process that wrote the record runs."""
        return _start_of(self.pid) == self.started

    def stop(self, timeout_s: float) -> bool:
        """Ask the engine to end; whether it did within `timeout_s`."""
        try:
            process = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            # Looked at through the descriptor: from here on the number cannot become another process.
            if not self.is_alive:
                return True
            signal.pidfd_send_signal(process, signal.SIGTERM)
            ended, _, _ = select.select([process], [], [], timeout_s)
            return bool(ended)
        finally:
            os.close(process)


def read_record(directory: Path) -> EngineRecord | None:
    """The record in `directory`; None where there is none that can be read."""
    try:
        return EngineRecord(**json.loads((directory / FILE_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def running_engine(directory: Path) -> EngineRecord | None:
    """The engine that runs on `directory`, as far as its record tells."""
    record = read_record(directory)
    return record if record is not None and record.is_alive else None


def _start_of(pid: int) -> str | None:
    """When process `pid` started, in clock ticks since boot; None where it is gone, ended or not ours."""
    try:
        if Path(f"/proc/{pid}").stat().st_uid != os.getuid():
            return None
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started
