"""One attempt at a job in a worker: gets the data, has the child compute, keeps the states and the result."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.messages import Grant, Outcome, WorkerInfo
from prismlane.common.clock import Clock
from prismlane.common.errors import (
    AnalysisError,
    CancelledByRequestError,
    ChildDiedError,
    DamagedBlobError,
    DataError,
    DeadlineExceededError,
    InternalError,
    InvalidParametersError,
    OutOfMemoryError,
    PrismlaneError,
)
from prismlane.common.logs import logger
from prismlane.common.states import FailureReason
from prismlane.engine.data.manifest import Dataset, Partition
from prismlane.engine.ports import BlobStore
from prismlane.engine.sandbox.child_process import ChildProcess

_log = logger("attempt")

#: How long an owner waits in one call for partitions that others compute, in seconds.
WAIT_FOR_OTHERS_S = 20.0
#: Pause between two tries to reach a call that is asked to end, in seconds.
ASK_AGAIN_S = 0.05
#: States merged in one call of the child.
STATES_A_CALL = 32
#: Progress is told at most this often, in seconds.
PROGRESS_EVERY_S = 0.2


class Attempt:
    """A grant under way. `run` computes it; the other methods end it from outside."""

    def __init__(
        self,
        grant: Grant,
        *,
        worker: WorkerInfo,
        tracker: TrackerHandle,
        holder: HolderHandle,
        blobs: BlobStore,
        child: ChildProcess,
        clock: Clock,
        threads: int,
        plugins: Sequence[str],
    ) -> None:
        self.job_id = grant["job_id"]
        self.fence = grant["fence"]
        self.is_owner = grant["role"] == "owner"
        self._grant = grant
        self._spec = grant["spec"]
        self._dataset = Dataset.from_dict(grant["dataset"]) if grant["dataset"] else None
        self._worker = worker
        self._tracker = tracker
        self._holder = holder
        self._blobs = blobs
        self._child = child
        self._clock = clock
        self._threads = threads
        self._plugins = plugins
        #: When it has to have ended (monotonic seconds); counted from when it begins.
        self._deadline = math.inf
        self._computing = False
        #: Set once the attempt has to end: what its outcome is, or "stale" for none.
        self._ending: str | None = None
        self._told_at = 0.0
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> Outcome | None:
        """Compute; returns how it ended, or None where there is nothing to tell (a helper, or a stale attempt)."""
        started = self._clock.monotonic()
        self._deadline = started + self._spec["run_timeout_s"]
        if self._ending is not None:
            return self._failure(CancelledByRequestError())
        try:
            in_parts = self._spec["n_partitions"] * self._spec["n_passes"] > 1
            result = await (self._run_in_parts() if in_parts else self._run_whole())
            if result is None:
                return None
            ref = await self._blobs.put(result)
        except PrismlaneError as error:
            return self._failure(error)
        except Exception as error:  # noqa: BLE001 - no fault of ours may keep the worker from its next job
            _log.exception("attempt failed unexpectedly", job=self.job_id, fence=self.fence)
            return self._failure(InternalError(f"the worker failed: {type(error).__name__}"))
        finally:
            await self._tidy_up()
        if self._ending is not None:
            return self._failure(CancelledByRequestError())
        return {
            **self._outcome("succeeded"),
            "result_hash": ref.hash,
            "result_bytes": ref.n_bytes,
            "took_s": self._clock.monotonic() - started,
        }

    async def _tidy_up(self) -> None:
        try:
            await self._child.wipe_scratch()
        except OSError as error:
            _log.warning("scratch directory not wiped", job=self.job_id, error=str(error))

    async def cancel(self, grace_s: float) -> None:
        """End it because somebody asked to: the child is asked first, and killed after `grace_s`."""
        await self._end("cancelled", grace_s)

    async def hand_back(self) -> None:
        """End it because this worker leaves; the job goes back to the queue."""
        await self._end("released", 1.0)

    async def drop(self) -> None:
        """End it because it is not ours any more."""
        await self._end("stale", 0.0)

    async def _end(self, ending: str, grace_s: float) -> None:
        self._ending = self._ending or ending
        while self._computing:
            await self._child.ask_to_cancel(grace_s)
            # A call whose child is still being started cannot be asked yet.
            await asyncio.sleep(ASK_AGAIN_S)

    # --- the two ways to compute -------------------------------------------------------------------------

    async def _run_whole(self) -> bytes:
        partitions = self._dataset.partitions if self._dataset else ()
        async with self._mapped(partitions) as paths:
            (result,) = await self._compute("run", {"paths": paths, "dataset": self._dataset_ref()})
        return result

    async def _run_in_parts(self) -> bytes | None:
        done: list[tuple[int, int, str]] = []
        merged: tuple[int, str] | None = None
        while True:
            step = await self._tracker.advance(
                self._worker,
                self.job_id,
                self.fence,
                role="owner" if self.is_owner else "helper",
                done=done,
                merged=merged,
                n_wanted=1,
                wait_s=WAIT_FOR_OTHERS_S if self.is_owner else 0.0,
            )
            done, merged = [], None
            if self._ending is not None:
                raise CancelledByRequestError
            match step["do"]:
                case "partitions":
                    earlier = await self._states(step["earlier"])
                    for number in step["partitions"]:
                        state = await self._partial(step["pass_number"], number, earlier)
                        ref = await self._blobs.put(state)
                        done.append((step["pass_number"], number, ref.hash))
                case "merge":
                    state = await self._merged(step["states"])
                    merged = (step["pass_number"], (await self._blobs.put(state)).hash)
                case "finish":
                    earlier = await self._states(step["earlier"])
                    state = await self._merged(step["states"])
                    payload = {"pass_number": step["pass_number"], "dataset": self._dataset_ref()}
                    (result,) = await self._compute("finish", payload, [state, *earlier])
                    return result
                case "wait":
                    continue
                case "cancel":
                    self._ending = "cancelled"
                    raise CancelledByRequestError
                case "leave" | "stale":
                    return None

    async def _merged(self, hashes: Sequence[str]) -> bytes:
        """The states as one, merged from first to last; a few a call, however many partitions there are."""
        (merged,) = await self._states(hashes[:1])
        for start in range(1, len(hashes), STATES_A_CALL):
            states = await self._states(hashes[start : start + STATES_A_CALL])
            (merged,) = await self._compute("merge", {}, [merged, *states])
        return merged

    async def _partial(self, pass_number: int, number: int, earlier: Sequence[bytes]) -> bytes:
        partition = self._partition(number)
        payload = {
            "pass_number": pass_number,
            "partition": number,
            "n_rows": partition.n_rows,
        }
        async with self._mapped([partition]) as paths:
            (state,) = await self._compute("partial", {**payload, "path": paths[0]}, earlier)
        return state

    async def _compute(
        self, target: str, payload: Mapping[str, Any], blobs: Sequence[bytes] = ()
    ) -> list[bytes]:
        if self._ending is not None:
            raise CancelledByRequestError
        left_s = self._deadline - self._clock.monotonic()
        if left_s <= 0:
            raise DeadlineExceededError(f"the job ran longer than {self._spec['run_timeout_s']:g} s")
        common = {
            "analysis": self._spec["analysis"],
            "params": self._spec["params"],
            "seed": self._spec["seed"],
            "threads": self._threads,
            "attempt": self._grant["attempt"],
            "fence": self.fence,
            "plugins": list(self._plugins),
        }
        self._computing = True
        try:
            _, answer = await self._child.call(
                target, {**common, **payload}, blobs, timeout_s=left_s, on_progress=self._tell
            )
        finally:
            self._computing = False
        return answer

    # --- data --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _mapped(self, partitions: Sequence[Partition]) -> AsyncIterator[list[str]]:
        """Paths of `partitions` as files to map, kept where they are for the length of the block."""
        if self._dataset is None or not partitions:
            yield []
            return
        lease = f"{self._worker['id']}/{self.job_id}"
        ranges = [(part.first_row_group, part.end_row_group) for part in partitions]
        try:
            yield await self._holder.acquire(lease, self._dataset.table_hash, ranges)
        finally:
            try:
                await self._holder.release(lease)
            except PrismlaneError as error:
                # It keeps the files until this worker is gone; the result is none the worse for it.
                _log.warning("data not released", job=self.job_id, code=error.code)

    def _partition(self, number: int) -> Partition:
        if self._dataset is None:
            raise InvalidParametersError(f"{self._spec['analysis']} has partitions, but no dataset")
        return self._dataset.partitions[number]

    def _dataset_ref(self) -> dict[str, Any] | None:
        if self._dataset is None:
            return None
        return {
            "fingerprint": self._dataset.fingerprint,
            "n_rows": self._dataset.n_rows,
            "n_columns": len(self._dataset.columns),
        }

    async def _states(self, hashes: Sequence[str]) -> list[bytes]:
        try:
            return [await self._blobs.get(hash_) for hash_ in hashes]
        except KeyError as error:
            raise DamagedBlobError(f"the state {error} of a partition is gone") from error

    # --- words to the tracker ------------------------------------------------------------------------------

    def _tell(self, share: float, phase: str) -> None:
        """Pass the child's progress on, unless it comes too often. Runs on the event loop."""
        now = self._clock.monotonic()
        if not self.is_owner or self._spec["n_partitions"] > 1 or now - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = now
        progress = {"done": round(share * 100), "total": 100, "phase": phase}
        telling = asyncio.get_running_loop().create_task(self._send(progress))
        self._background.add(telling)
        telling.add_done_callback(self._background.discard)

    async def _send(self, progress: Mapping[str, Any]) -> None:
        try:
            await self._tracker.progress(self.job_id, self.fence, progress)
        except PrismlaneError as error:
            _log.debug("progress not told", code=error.code)

    def _failure(self, error: PrismlaneError) -> Outcome | None:
        if not self.is_owner or self._ending == "stale":
            return None
        if self._ending == "released":
            return self._outcome("released")
        if self._ending == "cancelled":
            return {**self._outcome("cancelled"), "error": error.to_dict()}
        reason, retryable, crashed = judge(error)
        return {
            **self._outcome("failed"),
            "reason": reason,
            "error": error.to_dict(),
            "retryable": retryable,
            "crashed": crashed,
        }

    def _outcome(self, kind: Literal["succeeded", "failed", "released", "cancelled"]) -> Outcome:
        return Outcome(job_id=self.job_id, tenant=self._grant["tenant"], fence=self.fence, kind=kind)


def judge(error: PrismlaneError) -> tuple[FailureReason, bool, bool]:
    """What an error means for its job: the reason, whether another try may mend it, whether a process died of it."""
    match error:
        case DeadlineExceededError():
            return FailureReason.TIMEOUT, False, False
        case OutOfMemoryError():
            return FailureReason.OUT_OF_MEMORY, False, False
        case ChildDiedError():
            return FailureReason.ERROR, True, True
        case DataError() | InvalidParametersError():
            return FailureReason.INVALID_DATA, False, False
        case AnalysisError():
            return FailureReason.ERROR, error.retryable, False
    # What is left is the engine's own trouble (a full disk, a holder that restarts): it may pass.
    return FailureReason.ERROR, True, False
