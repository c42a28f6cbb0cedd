"""Inside the child: confine this process, then run one target after another.

A *target* is a function `(payload: dict, blobs: list[bytes], monitor) -> (payload: dict, blobs: list[bytes])`.
"""

import importlib
import os
import queue
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from prismlane.common.errors import AnalysisError, PrismlaneError
from prismlane.engine.sandbox import kernel
from prismlane.engine.sandbox.controls import Control, as_dict, attempt, strongest
from prismlane.engine.sandbox.exits import EXIT_OUT_OF_MEMORY
from prismlane.engine.sandbox.landlock import confine_to
from prismlane.engine.sandbox.limits import Limits, apply_limits, cpu_used_s, start_cpu_budget
from prismlane.engine.sandbox.namespaces import has_own_user_namespace
from prismlane.engine.sandbox.problems import ended, frames_of, is_out_of_memory, problem_of
from prismlane.engine.sandbox.protocol import (
    AskToEnd,
    Call,
    Done,
    EndReason,
    Failed,
    Hello,
    Message,
    Progress,
    decode,
    encode,
)
from prismlane.engine.sandbox.syscall_filter import restrict_syscalls

Target: TypeAlias = Callable[
    [dict[str, Any], list[bytes], "ChildMonitor"], tuple[dict[str, Any], list[bytes]]
]

_KEPT_VARIABLES = ("PATH", "LANG", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS")
#: The parent drops a child that tells its progress much more often than this.
_PROGRESS_INTERVAL_S = 0.05
_INTERRUPT_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is given by the fork server."""

    pipe_fd: int
    log_fd: int
    scratch: Path
    limits: Limits
    targets: Mapping[str, str]
    server_pid: int
    #: What the fork server has put in force for all its children.
    controls: list[Control]


def live(birth: Birth) -> NoReturn:
    """Be the child until the parent goes away. Never returns to the fork server's code."""
    with _ends_the_process_on_error():
        pipe = _Pipe(_keep_only(birth.pipe_fd, birth.log_fd))
        pipe.send(Hello(as_dict(_confine(birth))))  # before any code of an analysis could speak for us
        targets = {name: _resolve(where) for name, where in birth.targets.items()}
        _serve(pipe, targets, birth.limits)
    os._exit(0)


@contextmanager
def _ends_the_process_on_error() -> Iterator[None]:
    """Whatever fails in here ends the child: it must not run on, least of all as a second fork server."""
    try:
        yield
    except MemoryError:
        os._exit(EXIT_OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001 - told by the process's last words
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
        os._exit(1)


class ChildMonitor:
    """A call's line to the parent. Its methods may be used from any thread."""

    def __init__(self, call_id: int, pipe: "_Pipe") -> None:
        self._id = call_id
        self._pipe = pipe
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], object]] = []
        self._over = threading.Event()
        self._last_told = float("-inf")
        #: Why the call was asked to end; None while it was not.
        self.asked: EndReason | None = None

    def check(self) -> None:
        """Return at once, or raise CancelledByRequestError or DeadlineExceededError."""
        if self.asked is not None:
            raise ended(self.asked)

    def progress(self, share: float, phase: str = "") -> None:
        """Tell how much of the call is done (0 to 1); what comes too soon after the last word is left out."""
        now = time.monotonic()
        if now - self._last_told >= _PROGRESS_INTERVAL_S:
            self._last_told = now
            self._pipe.send(Progress(self._id, float(share), str(phase)[:200]))

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """While in here, call `interrupt` from another thread once the call is asked to end.

        It is called again and again: DuckDB, for one, forgets an interrupt that comes just before its query.
        """
        with self._lock:
            self._interrupts.append(interrupt)
        try:
            self.check()
            yield
        finally:
            with self._lock:
                self._interrupts.remove(interrupt)

    def ask(self, reason: EndReason) -> None:
        """Ask the call to end (called by the thread that reads the pipe)."""
        if self.asked is None:
            self.asked = reason
            threading.Thread(target=self._interrupt, name="interrupter", daemon=True).start()

    def finish(self) -> None:
        """The call has ended: nothing of it is to be interrupted any more."""
        self._over.set()

    def _interrupt(self) -> None:
        while not self._over.wait(_INTERRUPT_INTERVAL_S):
            with self._lock:  # held, so that a connection is not interrupted after it was left
                for interrupt in self._interrupts:
                    interrupt()


class _Pipe:
    """The blocking end of the pipe to the parent."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        self.send_frame(encode(message))

    def send_frame(self, pieces: list[bytes]) -> None:
        with self._lock:
            for piece in pieces:
                self._socket.sendall(piece)

    def receive(self) -> Message:
        frame = decode(max_bytes=sys.maxsize)
        wanted = next(frame)
        while True:
            try:
                wanted = frame.send(self._read(wanted))
            except StopIteration as stop:
                message: Message = stop.value
                return message

    def _read(self, n_bytes: int) -> bytes:
        data = self._socket.recv(n_bytes, socket.MSG_WAITALL)
        while len(data) < n_bytes:
            more = self._socket.recv(n_bytes - len(data), socket.MSG_WAITALL)
            if not more:
                os._exit(0)  # the parent is gone
            data += more
        return data


class _Inbox:
    """Reads the pipe in a thread of its own: calls wait for the main thread, requests to end go through at once."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self._calls: queue.SimpleQueue[tuple[Call, ChildMonitor]] = queue.SimpleQueue()
        self.next_call = self._calls.get
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def _read(self) -> None:
        with _ends_the_process_on_error():
            self._sort()

    def _sort(self) -> None:
        latest: ChildMonitor | None = None
        latest_id = -1
        while True:
            message = self._pipe.receive()
            if isinstance(message, Call):
                latest, latest_id = ChildMonitor(message.id, self._pipe), message.id
                self._calls.put((message, latest))
            elif isinstance(message, AskToEnd) and latest is not None and message.id == latest_id:
                latest.ask(message.reason)


def _serve(pipe: _Pipe, targets: Mapping[str, Target], limits: Limits) -> None:
    inbox = _Inbox(pipe)
    while True:
        call, monitor = inbox.next_call()
        start_cpu_budget(limits.cpu_s)
        pipe.send_frame(_answer(call, monitor, targets[call.target]))
        del call  # its blobs are not kept while waiting


def _answer(call: Call, monitor: ChildMonitor, target: Target) -> list[bytes]:
    try:
        payload, blobs = _checked(target(dict(call.payload), list(call.blobs), monitor))
        return encode(Done(call.id, payload, cpu_used_s(), blobs))
    except BaseException as error:  # noqa: BLE001 - whatever a target raises, SystemExit too, is its answer
        if is_out_of_memory(error):
            error.__traceback__ = None  # its frames hold the memory that the answer needs
        elif monitor.asked is None:
            _log_frames(error)
        return encode(Failed(call.id, problem_of(error, monitor.asked)))
    finally:
        monitor.finish()


def _log_frames(error: BaseException) -> None:
    lines = [f"{type(error).__name__}, raised by:", *frames_of(error)]
    if len(lines) > 1:
        with suppress(OSError):  # the analysis may have closed what it writes to
            os.write(2, "".join(f"{line}\n" for line in lines).encode(errors="replace"))


def _checked(answer: Any) -> tuple[dict[str, Any], list[bytes]]:
    match answer:
        case (dict() as payload, list() as blobs) if all(isinstance(blob, bytes) for blob in blobs):
            return payload, blobs
    raise AnalysisError("The analysis returned something else than a dict and a list of bytes.")


def _resolve(where: str) -> Target:
    module, _, function = where.partition(":")
    try:
        target: Target = getattr(importlib.import_module(module), function)
    except Exception as error:  # noqa: BLE001 - an import may fail in any way; told by the calls that need it
        return _failing(PrismlaneError.from_dict(problem_of(error, None)))
    return target


def _failing(error: PrismlaneError) -> Target:
    def fail(payload: dict[str, Any], blobs: list[bytes], monitor: ChildMonitor) -> NoReturn:
        raise error

    return fail


def _keep_only(pipe_fd: int, log_fd: int) -> int:
    """Leave no descriptor open but the standard streams and the pipe, whose number is returned."""
    null_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_fd, 0)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    if pipe_fd != 3:
        os.dup2(pipe_fd, 3, inheritable=False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    return 3


def _confine(birth: Birth) -> list[Control]:
    os.setsid()
    _die_with(birth.server_pid)
    os.umask(0o077)
    os.chdir(birth.scratch)
    _empty_environment(birth.scratch)
    Path("/proc/self/oom_score_adj").write_text("1000")
    in_user_namespace = has_own_user_namespace(birth.controls)
    controls = [
        *birth.controls,
        Control("dies_with_parent", on=True, reason="PR_SET_PDEATHSIG, and its process group with it"),
        Control("empty_environment", on=True, reason="started with " + ", ".join(_KEPT_VARIABLES)),
        Control("own_scratch", on=True, reason="mode 0700, wiped between jobs"),
        *apply_limits(birth.limits, counts_own_processes=in_user_namespace),
        *_confine_files(birth.scratch),
        *_confine_calls(may_fork=birth.limits.may_fork),
    ]
    return strongest(controls)


def _confine_files(scratch: Path) -> list[Control]:
    written = attempt("writes_confined", lambda: f"Landlock version {confine_to(scratch)}")
    return [written, Control("other_processes_closed", on=written.on, reason=written.reason)]


def _confine_calls(*, may_fork: bool) -> list[Control]:
    def restrict() -> str:
        restrict_syscalls(may_fork=may_fork)
        return "seccomp filter"

    filtered = attempt("syscall_filter", restrict)
    return [
        filtered,
        Control("network_off", on=filtered.on, reason=filtered.reason),
        Control(
            "no_new_processes",
            on=filtered.on and not may_fork,
            reason="allowed" if may_fork else filtered.reason,
        ),
    ]


def _die_with(server_pid: int) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server_pid:
        os._exit(1)  # it died before the line above: nobody would tell us


def _empty_environment(scratch: Path) -> None:
    for name in set(os.environ) - set(_KEPT_VARIABLES):
        del os.environ[name]
    os.environ["HOME"] = os.environ["TMPDIR"] = str(scratch)
    tempfile.tempdir = None
