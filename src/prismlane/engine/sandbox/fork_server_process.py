"""The fork server as its parent sees it: start it, ask it for children, learn how they end."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismlane.common.errors import ChildDiedError, InternalError
from prismlane.engine.sandbox.fork_server import MAX_MESSAGE_BYTES
from prismlane.engine.sandbox.limits import Limits

_MODULE = "prismlane.engine.sandbox.fork_server"
_KEPT_VARIABLES = ("PATH", "LANG", "TZ")


@dataclass(slots=True)
class Forked:
    """A child: its pid, a pidfd (the holder closes it), and its exit status once it is known.

    The status is as in `subprocess` (negative: a signal), or None if the fork server ended first.
    """

    pid: int
    pid_fd: int
    exited: asyncio.Future[int | None]


@dataclass(slots=True)
class _Asked:
    forked: asyncio.Future[Forked]
    exited: asyncio.Future[int | None]


class ForkServerProcess:
    """One fork server. Belongs to the event loop that started it, and never blocks it."""

    def __init__(self, targets: Mapping[str, str], preload: Sequence[str], n_threads: int) -> None:
        self._config = {"targets": dict(targets), "preload": list(preload)}
        self._n_threads = n_threads
        self._asked: dict[int, _Asked] = {}
        self._n_asked = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ready: asyncio.Future[None] | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it can fork."""
        return self._control is not None

    async def start(self) -> None:
        """Start it and wait until it has imported what it preloads.

        Raises:
            InternalError: a module cannot be imported, or the process did not come up.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = await asyncio.to_thread(self._popen, theirs.fileno())
        ours.setblocking(False)
        self._control = ours
        ours.send(_message(self._config))
        loop.add_reader(ours.fileno(), self._on_message, ours)
        try:
            await self._ready
        except BaseException:
            await self.close()
            raise

    async def fork(self, scratch: Path, limits: Limits, pipe_fd: int, log_fd: int) -> Forked:
        """A new child with those two descriptors; the caller closes its own copies.

        Raises:
            ChildDiedError: the fork server has ended.
        """
        if self._control is None:
            raise ChildDiedError("The fork server is gone.")
        self._n_asked += 1
        loop = asyncio.get_running_loop()
        asked = self._asked[self._n_asked] = _Asked(loop.create_future(), loop.create_future())
        request = {"id": self._n_asked, "scratch": str(scratch), "limits": limits.to_dict()}
        socket.send_fds(self._control, [_message(request)], [pipe_fd, log_fd])
        return await asked.forked

    async def close(self) -> None:
        """End it, and by that all of its children."""
        self._hang_up()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
            self._process = None

    def _popen(self, control_fd: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - this interpreter with a module of this package
            # Preloaded modules may have threads; they take care of forks themselves, and Python need not warn of them.
            [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-m", _MODULE, str(control_fd)],
            env=_environment(self._n_threads),
            pass_fds=[control_fd],
            stdin=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def _on_message(self, control: socket.socket) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(control, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except ConnectionError:
            data, fds = b"", []
        if data:
            self._take(json.loads(data), fds)
        else:
            self._hang_up()

    def _take(self, message: dict[str, Any], fds: list[int]) -> None:
        match message:
            case {"ready": True}:
                _settle(self._ready, None)
            case {"ready": False, "why": why}:
                if self._ready is not None and not self._ready.done():
                    self._ready.set_exception(
                        InternalError(f"A module of the child process cannot be imported: {why}")
                    )
            case {"forked": id_, "pid": pid}:
                asked = self._asked[id_]
                if asked.forked.done():
                    os.close(fds[0])  # nobody waits for it any more; its pipe is closed, so it ends by itself
                else:
                    asked.forked.set_result(Forked(pid, fds[0], asked.exited))
            case {"exited": id_, "status": status}:
                _settle(self._asked.pop(id_).exited, status)

    def _hang_up(self) -> None:
        if self._control is None:
            return
        asyncio.get_running_loop().remove_reader(self._control.fileno())
        self._control.close()
        self._control = None
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(
                InternalError("The process that children are forked from did not come up.")
            )
        for asked in self._asked.values():
            if not asked.forked.done():
                asked.forked.set_exception(ChildDiedError("The fork server is gone."))
            _settle(asked.exited, None)
        self._asked.clear()


def _environment(n_threads: int) -> dict[str, str]:
    """What children may see: nothing of the parent's but three variables, and how to behave."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), str(n_threads))
    return {
        **kept,
        **threads,
        "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry),
        # Arrow's allocator commits 1 GiB at once otherwise, which would count against the memory limit.
        "MIMALLOC_ARENA_EAGER_COMMIT": "0",
        "MALLOC_ARENA_MAX": "2",
    }


def _message(content: dict[str, Any]) -> bytes:
    data = json.dumps(content).encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(
            f"a message of {len(data)} bytes to the fork server; at most {MAX_MESSAGE_BYTES} are allowed"
        )
    return data


def _settle(future: "asyncio.Future[Any] | None", value: Any) -> None:
    if future is not None and not future.done():
        future.set_result(value)
