"""One engine a data directory: a lock that the kernel drops when its holder dies."""

import fcntl
import os
from pathlib import Path
from typing import Final

from prismlane.common.errors import StoreInUseError

LOCK_NAME: Final = "prismlane.lock"


class DirectoryLock:
    """An exclusive lock on a data directory. The file tells the pid of the holder, and stays when it is released."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            StoreInUseError: another process, or another store of this one, holds it.
        """
        self._file = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreInUseError(
                f"{directory} is in use by the process with pid {holder}",
                facts={"directory": str(directory), "pid": holder},
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in."""
        os.close(self._file)
