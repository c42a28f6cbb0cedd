"""A log file that several processes write to."""

import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 10_000_000


class LogFile:
    """A file to append lines to. When it is full it becomes `<name>.1`, in the place of the one before.

    Processes may share it: each text is one write, and who finds that another one has begun a new file goes on there.
    What cannot be written there, as on a full disk, goes to stderr: a log is no reason to fail.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        """A log at `path`; its folder is made, and both are private to the user."""
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def write(self, text: str) -> int:
        """Append `text`, which should be whole lines; returns its length."""
        with self._lock:
            try:
                os.write(self._current(), text.encode(errors="backslashreplace"))
            except OSError:
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Nothing to do: what was written is with the system."""

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _current(self) -> int:
        descriptor = self._open()
        mine = os.fstat(descriptor)
        is_at_path = self._is_at_path(mine)
        if is_at_path and mine.st_size < self._max_bytes:
            return descriptor
        if is_at_path:
            with contextlib.suppress(FileNotFoundError):
                self._path.rename(self._path.with_name(f"{self._path.name}.1"))
        self.close()
        return self._open()

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = open_for_append(self._path)
        return self._descriptor

    def _is_at_path(self, mine: os.stat_result) -> bool:
        try:
            return os.path.samestat(mine, self._path.stat())
        except FileNotFoundError:
            return False


def open_for_append(path: Path) -> int:
    """A descriptor that appends to `path`; its folder is made, and both are private to the user.

    Raises:
        OSError: it cannot be written to.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
