"""What a child writes to its standard streams, line by line and within bounds."""

import asyncio
import os
from collections import deque
from collections.abc import Callable

_CHUNK_BYTES = 16 << 10
_MAX_CHUNKS_AT_END = 8
_MAX_LINE = 2000
_MAX_LINES_A_CHUNK = 100
#: After a full chunk the pipe rests, so that a child which writes without end is slowed, not this process.
_REST_S = 0.02


class LogLines:
    """Reads a pipe whenever something is there, and hands over each line as text."""

    def __init__(self, fd: int, on_line: Callable[[str], None]) -> None:
        self._fd = fd
        self._on_line = on_line
        self._rest = b""
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        #: The end of what came.
        self.last: deque[str] = deque(maxlen=50)
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._on_readable)

    def close(self) -> None:
        """Take what is still in the pipe, within bounds, and close it."""
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._fd)
        for _ in range(_MAX_CHUNKS_AT_END):
            data = self._read()
            if not data:
                break
            self._take(data)
        if self._rest:
            self._emit(self._rest)
        os.close(self._fd)

    def _on_readable(self) -> None:
        data = self._read()
        if data is None:
            return
        if data:
            self._take(data)
        if len(data) in (0, _CHUNK_BYTES):
            self._loop.remove_reader(self._fd)
        if len(data) == _CHUNK_BYTES:
            self._timer = self._loop.call_later(_REST_S, self._go_on)

    def _go_on(self) -> None:
        self._loop.add_reader(self._fd, self._on_readable)

    def _read(self) -> bytes | None:
        try:
            return os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines[:_MAX_LINES_A_CHUNK]:
            self._emit(line)
        if len(lines) > _MAX_LINES_A_CHUNK:
            self._emit(f"({len(lines) - _MAX_LINES_A_CHUNK} lines left out)".encode())
        if len(self._rest) > _MAX_LINE:
            self._emit(self._rest)
            self._rest = b""

    def _emit(self, line: bytes) -> None:
        text = line[:_MAX_LINE].decode(errors="replace").rstrip("\r")
        self.last.append(text)
        self._on_line(text)
