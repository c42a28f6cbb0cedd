"""The process that children are forked from: it has the heavy modules imported, no secrets, and no capabilities.

`multiprocessing`'s fork server would hand children the parent's whole environment (readable in /proc and in memory) and
leave them a socket by which anybody of the same user can ask it for processes without limits; this one has one private
socket to its parent. It imports neither the parent's main module nor analysis code, unless told to preload it.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismlane.engine.sandbox import kernel
from prismlane.engine.sandbox.child import Birth, live
from prismlane.engine.sandbox.controls import Control
from prismlane.engine.sandbox.limits import Limits
from prismlane.engine.sandbox.namespaces import enter_namespaces

MAX_MESSAGE_BYTES = 200_000


@dataclass(slots=True)
class _Forked:
    id: int
    pid: int
    pid_fd: int


class ForkServer:
    """Forks a child for each request on its control socket, and tells how each of them ended."""

    def __init__(self, control: socket.socket, targets: Mapping[str, str], controls: list[Control]) -> None:
        self._control = control
        self._targets = targets
        self._controls = controls
        self._children: dict[int, _Forked] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the parent goes away, which also ends all children."""
        self._tell({"ready": True})
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    self._bury(key.data)
                elif not self._fork_on_request():
                    self._kill_all()
                    return

    def _fork_on_request(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, MAX_MESSAGE_BYTES, 2)
        if not data:
            return False
        request = json.loads(data)
        server_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            live(
                Birth(
                    pipe_fd=fds[0],
                    log_fd=fds[1],
                    scratch=Path(request["scratch"]),
                    limits=Limits(**request["limits"]),
                    targets=self._targets,
                    server_pid=server_pid,
                    controls=self._controls,
                )
            )
        for fd in fds:
            os.close(fd)
        child = _Forked(request["id"], pid, os.pidfd_open(pid))
        self._children[pid] = child
        self._selector.register(child.pid_fd, selectors.EVENT_READ, child)
        self._tell({"forked": child.id, "pid": pid}, [child.pid_fd])
        return True

    def _bury(self, child: _Forked) -> None:
        """Kill what the child leaves behind, then tell how it ended."""
        # While it is not reaped, its number, which is also that of its group, belongs to nobody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        self._selector.unregister(child.pid_fd)
        os.close(child.pid_fd)
        del self._children[child.pid]
        self._kill_strays()
        self._tell({"exited": child.id, "status": os.waitstatus_to_exitcode(status)})

    def _kill_strays(self) -> None:
        """Kill processes that left their group: as orphans they are given to this process."""
        while strays := _pids_of_children() - self._children.keys():
            for pid in strays:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

    def _kill_all(self) -> None:
        for child in self._children.values():
            signal.pidfd_send_signal(child.pid_fd, signal.SIGKILL)
        for child in list(self._children.values()):
            with suppress(BrokenPipeError):
                self._bury(child)

    def _tell(self, message: dict[str, Any], fds: list[int] | None = None) -> None:
        socket.send_fds(self._control, [json.dumps(message).encode()], fds or [])


def _pids_of_children() -> set[int]:
    own_pid = os.getpid()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == own_pid:
                    found.add(int(entry.name))
    return found


def main() -> None:
    """Run as `python -m prismlane.engine.sandbox.fork_server CONTROL_FD`; the first message says what to preload."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    # Namespaces first: they need a process of one thread, and imports may start others.
    controls = enter_namespaces()
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_capabilities()
    controls.append(
        Control("no_new_privileges", on=True, reason="PR_SET_NO_NEW_PRIVS; all capabilities dropped")
    )
    config = json.loads(control.recv(MAX_MESSAGE_BYTES))
    for name in config["preload"]:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - an import may fail in any way; the parent tells it
            control.send(
                json.dumps(
                    {"ready": False, "why": f"{name}: {type(error).__name__}: {error}"[:2000]}
                ).encode()
            )
            return
    gc.collect()
    gc.freeze()
    ForkServer(control, config["targets"], controls).serve()
    os._exit(0)  # no exit hooks of preloaded modules


if __name__ == "__main__":
    main()
