"""The warm child process of a worker: runs calls within limits while the event loop stays free."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from prismlane.common.errors import ChildDiedError, InternalError, OutOfMemoryError, TooLargeError
from prismlane.engine.sandbox.exits import Exit
from prismlane.engine.sandbox.fork_server_process import ForkServerProcess
from prismlane.engine.sandbox.limits import LIFETIME_CALLS, Limits
from prismlane.engine.sandbox.live_child import LiveChild, start_child
from prismlane.engine.sandbox.problems import ended, error_of
from prismlane.engine.sandbox.protocol import (
    MAX_FRAME_BYTES,
    AskToEnd,
    Call,
    Done,
    EndReason,
    Failed,
    FrameError,
    Progress,
    encode,
)
from prismlane.engine.sandbox.scratch import take_file, wipe

OnProgress: TypeAlias = Callable[[float, str], None]

#: Modules that take long to import and that nearly every analysis uses.
HEAVY_MODULES = ("numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "duckdb")

_START_TIMEOUT_S = 60.0
#: A child of ours tells its progress at most 20 times a second.
_PROGRESS_BURST, _PROGRESS_PER_S = 100, 40


class ChildProcess:
    """A child process that is there again whenever it is needed. One call at a time; others wait for their turn.

    Belongs to one event loop. Nothing here blocks that loop, whatever the child does.

    Args:
        limits: what a child may use.
        targets: the functions that may be called, name to `module:function`.
        scratch_root: where children's scratch directories are made (0700).
        preload: modules that are imported once, outside of the limits, for all children: trusted ones only.
        on_log: is given each line that a child writes to its standard streams, within bounds; must not raise.
        grace_s: how long a call that passed its deadline is given to end by itself.
        max_answer_bytes: the largest answer that is accepted.
    """

    def __init__(
        self,
        limits: Limits,
        targets: Mapping[str, str],
        scratch_root: Path,
        *,
        preload: Sequence[str] = HEAVY_MODULES,
        on_log: Callable[[str], None] = lambda line: None,
        grace_s: float = 10.0,
        max_answer_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self._limits = limits
        self._targets = dict(targets)
        self._scratch_root = scratch_root
        self._preload = tuple(preload)
        self._on_log = on_log
        self._grace_s = grace_s
        self._max_answer_bytes = max_answer_bytes
        self._turn = asyncio.Lock()
        self._server: ForkServerProcess | None = None
        self._child: LiveChild | None = None
        self._running: _RunningCall | None = None
        self._burials: set[asyncio.Task[None]] = set()
        self._n_calls = 0
        self._controls: dict[str, Any] = {}
        #: How the last child that ended did so.
        self.last_exit: Exit | None = None

    @property
    def is_alive(self) -> bool:
        """Whether there is a child now."""
        return self._child is not None and self._child.is_alive

    @property
    def pid(self) -> int | None:
        """The child's process id, if there is one."""
        return self._child.pid if self._child is not None and self._child.is_alive else None

    def describe(self) -> dict[str, Any]:
        """What holds the children back: `{control: {"on": bool, "reason": str}}`; empty before the first start."""
        return dict(self._controls)

    async def start(self) -> None:
        """Have a warm child, so that the first call need not wait for it.

        Raises:
            InternalError: a module to preload cannot be imported.
            AttemptEndedError: the child did not come up within its limits.
        """
        async with self._turn:
            await self._living_child()

    async def call(
        self,
        target: str,
        payload: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        timeout_s: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Run `target` in the child.

        An answer that was on its way when the call was asked to end still counts. A caller that is cancelled takes the
        child with it; the next call has a fresh one.

        Args:
            target: a name from the mapping of targets.
            payload: JSON values.
            blobs: raw bytes, e.g. Arrow IPC.
            timeout_s: asked to end then, and killed `grace_s` later.
            on_progress: is told the share that is done (0 to 1) and the phase; must not raise.

        Raises:
            AnalysisError: the target failed; other errors that a target may raise come as their own class.
            CancelledByRequestError: after `ask_to_cancel`.
            DeadlineExceededError: `timeout_s` has passed, or the CPU time was used up.
            OutOfMemoryError: more memory was asked for than there may be.
            ChildDiedError: the child ended, or sent something that is not an answer.
            TooLargeError: `payload` and `blobs` are too large for one call.
        """
        if target not in self._targets:
            raise InternalError(f"The child process has no target {target!r}.")
        async with self._turn:
            self._n_calls += 1
            frame = _frame_of(Call(self._n_calls, target, payload, blobs))
            child = await self._child_in_time()
            running = self._running = _RunningCall(self._n_calls, child)
            answered = False
            try:
                running.set_deadline(timeout_s, self._grace_s)
                answer = await self._converse(running, frame, on_progress)
                answered = True
            finally:
                running.finish()
                self._running = None
                if not answered:
                    self._discard(child)
            return self._take(answer, running)

    async def ask_to_cancel(self, grace_s: float) -> None:
        """Ask the running call to end, kill its process after `grace_s`, and return when the call has ended.

        Does nothing when no call is running.
        """
        running = self._running
        if running is not None:
            running.ask_to_end("cancelled", grace_s)
            await running.ended.wait()

    async def kill(self) -> None:
        """Kill the child at once; a running call raises ChildDiedError. The next call has a fresh child."""
        child = self._child
        if child is not None:
            self._discard(child)
            await self._bury(child)

    async def renew(self) -> None:
        """Have a fresh child, e.g. for another tenant. Waits for a running call."""
        async with self._turn:
            if self._child is not None:
                self._discard(self._child)
            await self._living_child()

    async def wipe_scratch(self) -> None:
        """Remove what the child has written, between two jobs. Waits for a running call."""
        async with self._turn:
            if self._child is not None and any(self._child.scratch.iterdir()):
                await asyncio.to_thread(wipe, self._child.scratch)

    def take_file(self, name: str, directory: Path, new_name: str | None = None) -> Path:
        """Move a file that the child has made out of its scratch directory, into `directory`. Blocks on the disk.

        Raises:
            ChildDiedError: the child has ended, and its scratch directory with it.
            AnalysisError: `name` is no plain file of that directory; a child is not trusted to say what to move.
        """
        if self._child is None:
            raise ChildDiedError("The child process ended before its file was taken.")
        return take_file(self._child.scratch, name, directory / (new_name or uuid4().hex))

    async def close(self) -> None:
        """End the child and all that belongs to it."""
        if self._child is not None:
            self._discard(self._child)
        while self._burials:
            await asyncio.gather(*self._burials)
        if self._server is not None:
            await self._server.close()
            self._server = None

    async def _child_in_time(self) -> LiveChild:
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                return await self._living_child()
        except TimeoutError:
            # The fork server hangs: the next call has a fresh one.
            server, self._server = self._server, None
            if server is not None:
                await server.close()
            raise ChildDiedError("No child process came up in time.") from None

    async def _living_child(self) -> LiveChild:
        child = self._child
        # A call is to have most of the memory that it may use, whatever its predecessors left.
        if child is not None and child.is_alive and child.kept_bytes <= self._limits.memory_bytes // 4:
            return child
        if self._child is not None:
            self._discard(self._child)
        child = await start_child(
            await self._living_server(),
            self._limits,
            self._scratch_root,
            self._on_log,
            max_answer_bytes=self._max_answer_bytes,
            timeout_s=_START_TIMEOUT_S,
        )
        self._child, self._controls = child, child.controls
        return child

    async def _living_server(self) -> ForkServerProcess:
        if self._server is not None:
            if self._server.is_alive:
                return self._server
            await self._server.close()
        self._server = ForkServerProcess(self._targets, self._preload, self._limits.n_threads)
        await self._server.start()
        return self._server

    async def _converse(
        self, running: "_RunningCall", frame: Sequence[bytes], on_progress: OnProgress | None
    ) -> Done | Failed:
        child = running.child
        try:
            await child.send_frame(frame)
            while isinstance(message := await child.receive(), Progress) and running.allows(message):
                if on_progress is not None:
                    on_progress(message.share, message.phase)
        except FrameError as error:
            await child.end()
            raise ChildDiedError(
                f"The child process sent something that is not an answer: {error}."
            ) from None
        except (EOFError, OSError):
            error_of_end = await child.error_of_end()
            raise (ended(running.asked) if running.asked else error_of_end) from None
        if isinstance(message, Done | Failed) and message.id == running.id:
            return message
        raise ChildDiedError("The child process spoke out of turn, and was ended.")

    def _take(self, answer: Done | Failed, running: "_RunningCall") -> tuple[dict[str, Any], list[bytes]]:
        if isinstance(answer, Failed):
            error = error_of(answer.problem, running.asked)
            if isinstance(error, OutOfMemoryError | ChildDiedError):
                self._discard(running.child)  # what is left of its heap is of no use
            raise error
        if answer.cpu_used_s > (LIFETIME_CALLS - 1) * self._limits.cpu_s:
            self._discard(running.child)  # not enough CPU time left for a whole call
        return answer.payload, list(answer.blobs)

    def _discard(self, child: LiveChild) -> None:
        if self._child is child:
            self._child = None
        child.kill()
        task = asyncio.create_task(self._bury(child))
        self._burials.add(task)
        task.add_done_callback(self._burials.discard)

    async def _bury(self, child: LiveChild) -> None:
        await child.bury()
        self.last_exit = await child.end()


def _frame_of(call: Call) -> list[bytes]:
    try:
        return encode(call)
    except FrameError as error:
        raise TooLargeError(f"The call is too large for the child process: {error}.") from None


class _RunningCall:
    """A call that has not been answered yet, and its timers."""

    def __init__(self, id_: int, child: LiveChild) -> None:
        self.id = id_
        self.child = child
        self.asked: EndReason | None = None
        self.ended = asyncio.Event()
        self._began = time.monotonic()
        self._n_progress = 0
        self._timers: list[asyncio.TimerHandle] = []

    def set_deadline(self, timeout_s: float | None, grace_s: float) -> None:
        """Ask the call to end after `timeout_s`."""
        if timeout_s is not None:
            loop = asyncio.get_running_loop()
            self._timers.append(loop.call_later(timeout_s, self.ask_to_end, "deadline", grace_s))

    def ask_to_end(self, reason: EndReason, grace_s: float) -> None:
        """Ask, and kill `grace_s` later; the first reason stays."""
        if self.asked is None:
            self.asked = reason
            self.child.send_soon(AskToEnd(self.id, reason))
        self._timers.append(asyncio.get_running_loop().call_later(grace_s, self.child.kill))

    def allows(self, progress: Progress) -> bool:
        """Count one more word of progress; False when there were far too many, or it is of another call."""
        self._n_progress += 1
        return progress.id == self.id and self._n_progress <= _PROGRESS_BURST + _PROGRESS_PER_S * (
            time.monotonic() - self._began
        )

    def finish(self) -> None:
        """The call has ended: its timers must not kill what comes after it."""
        for timer in self._timers:
            timer.cancel()
        self.ended.set()
