"""One child from its start to its end, as the parent sees it."""

import asyncio
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from prismlane.common.errors import AttemptEndedError, ChildDiedError
from prismlane.engine.sandbox.exits import Exit, count_oom_kills, error_of_exit
from prismlane.engine.sandbox.fork_server_process import Forked, ForkServerProcess
from prismlane.engine.sandbox.limits import Limits, memory_in_use_bytes
from prismlane.engine.sandbox.log_lines import LogLines
from prismlane.engine.sandbox.protocol import FrameError, Hello, Message, decode, encode
from prismlane.engine.sandbox.scratch import make_scratch, remove

_READ_BUFFER_BYTES = 256 << 10
#: Large blobs pass in slices, so that the event loop gets its turn between them.
_SLICE_BYTES = 1 << 20
#: How long to wait for the kernel and the fork server to say how a killed child ended.
_EXIT_PATIENCE_S = 10.0


class LiveChild:
    """A child with its pipe, its log and its scratch directory. Made by `start_child`."""

    def __init__(
        self,
        forked: Forked,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        log: LogLines,
        scratch: Path,
        max_answer_bytes: int,
    ) -> None:
        self.pid = forked.pid
        self.scratch = scratch
        self.controls: dict[str, Any] = {}
        self._forked = forked
        self._exits = select.poll()
        self._exits.register(forked.pid_fd, select.POLLIN)
        self._reader, self._writer = streams
        self._log = log
        self._max_answer_bytes = max_answer_bytes
        self._n_oom_kills_before = count_oom_kills()
        self._burial: asyncio.Task[None] | None = None
        self._idle_bytes = 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs (or is stopped); a zombie does not."""
        return not self._forked.exited.done() and not self._exits.poll(0)

    def note_idle_memory(self) -> None:
        """Remember how much it holds before its first call."""
        self._idle_bytes = self._held_bytes()

    @property
    def kept_bytes(self) -> int:
        """What it holds beyond what it held before its first call: allocators keep much of what calls gave back."""
        return max(0, self._held_bytes() - self._idle_bytes)

    def _held_bytes(self) -> int:
        try:
            return memory_in_use_bytes(self.pid)[1]
        except (OSError, IndexError):  # it has just ended
            return 0

    async def send_frame(self, pieces: Sequence[bytes]) -> None:
        """Send a frame, and wait until the pipe has room again.

        Raises:
            OSError: the child closed the pipe.
        """
        for piece in pieces:
            for start in range(0, len(piece), _SLICE_BYTES):
                self._writer.write(memoryview(piece)[start : start + _SLICE_BYTES])
                await self._writer.drain()

    def send_soon(self, message: Message) -> None:
        """Send `message` without waiting; for small ones."""
        for piece in encode(message):
            self._writer.write(piece)

    async def receive(self) -> Message:
        """The next message.

        Raises:
            EOFError, OSError: the pipe is closed.
            FrameError: what came is not a message.
        """
        frame = decode(self._max_answer_bytes)
        wanted = next(frame)
        while True:
            data = await self._read(wanted)
            try:
                wanted = frame.send(data)
            except StopIteration as stop:
                message: Message = stop.value
                return message

    async def _read(self, n_bytes: int) -> bytes:
        if n_bytes <= _SLICE_BYTES:
            return await self._reader.readexactly(n_bytes)
        slices: list[bytes] = []
        while n_bytes > 0:
            slices.append(await self._reader.readexactly(min(n_bytes, _SLICE_BYTES)))
            n_bytes -= len(slices[-1])
        return b"".join(slices)

    def kill(self) -> None:
        """Kill it with SIGKILL, which also ends a stopped one; the fork server then kills what it started."""
        if self._burial is None and not self._forked.exited.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._forked.pid_fd, signal.SIGKILL)

    async def end(self) -> Exit:
        """Make sure that it is gone, and tell how it ended."""
        self.kill()
        await asyncio.wait([self._forked.exited], timeout=_EXIT_PATIENCE_S)
        self._log.close()
        return Exit.of_status(self._forked.exited.result() if self._forked.exited.done() else None)

    async def error_of_end(self) -> AttemptEndedError:
        """Make sure that it is gone, and tell why it was not told to."""
        end = await self.end()
        n_oom_kills = count_oom_kills() - self._n_oom_kills_before
        return error_of_exit(end, last_lines=self._log.last, n_oom_kills=n_oom_kills)

    async def bury(self) -> None:
        """End it and remove all that is left of it; may be called any number of times."""
        if self._burial is None:
            self.kill()
            self._burial = asyncio.create_task(self._bury())
        await asyncio.shield(self._burial)

    async def _bury(self) -> None:
        await self.end()
        self._writer.transport.abort()
        os.close(self._forked.pid_fd)
        await asyncio.to_thread(remove, self.scratch)


async def start_child(
    server: ForkServerProcess,
    limits: Limits,
    scratch_root: Path,
    on_log: Callable[[str], None],
    *,
    max_answer_bytes: int,
    timeout_s: float,
) -> LiveChild:
    """Fork a child and wait until it has confined itself.

    Raises:
        AttemptEndedError: it did not come up.
    """
    scratch = make_scratch(scratch_root)
    ours, theirs = socket.socketpair()
    log_fd, their_log_fd = os.pipe2(os.O_CLOEXEC)
    try:
        forked = await server.fork(scratch, limits, theirs.fileno(), their_log_fd)
    except BaseException:
        ours.close()
        os.close(log_fd)
        remove(scratch)
        raise
    finally:
        theirs.close()
        os.close(their_log_fd)
    streams = await asyncio.open_unix_connection(sock=ours, limit=_READ_BUFFER_BYTES)
    child = LiveChild(forked, streams, LogLines(log_fd, on_log), scratch, max_answer_bytes)
    try:
        child.controls = await asyncio.wait_for(_hello(child), timeout_s)
    except BaseException:
        await child.bury()
        raise
    child.note_idle_memory()
    return child


async def _hello(child: LiveChild) -> dict[str, Any]:
    try:
        message = await child.receive()
    except (EOFError, OSError):
        raise await child.error_of_end() from None
    except FrameError as error:
        raise ChildDiedError(f"The child process did not come up: {error}") from None
    if not isinstance(message, Hello):
        raise ChildDiedError("The child process did not come up: it said something else than hello.")
    return message.controls
