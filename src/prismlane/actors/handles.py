"""Typed handles of the actors: the one place where Ray is called, deadlines are set, and Ray's errors become ours."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayError

import ray
from prismlane.actors.messages import (
    Accepted,
    Claimed,
    FeedPage,
    Heard,
    Outcome,
    Step,
    Submission,
    WorkerInfo,
)
from prismlane.common.errors import NotReadyError, PrismlaneError

#: How long a call may take, besides what it waits on purpose, in seconds.
DEADLINE_S = 30.0
#: What loading or converting a large file may take on top, in seconds.
LOADING_S = 3600.0


class Handle:
    """A named actor. It is looked up when it is first called, and again when its process was replaced."""

    def __init__(self, name: str, namespace: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._name = name
        self._namespace = namespace
        self._deadline_s = deadline_s
        self._actor: ActorHandle[Any] | None = None

    @property
    def name(self) -> str:
        """The actor's name."""
        return self._name

    async def call(
        self, method: str, *args: Any, patience_s: float = 0.0, tries_again: bool = True, **kwargs: Any
    ) -> Any:
        """Call a method of the actor's service; calls again while the actor is being restarted.

        `tries_again` is False for who would rather know at once that the actor's process has ended.
        `patience_s` comes on top of the deadline: how long the method waits on purpose, in seconds.
        Every method of ours may therefore run twice for one call, and is made so that this does no harm.

        Raises:
            NotReadyError: the actor did not answer in time.
            PrismlaneError: what the method raised.
        """
        give_up_at = time.monotonic() + self._deadline_s + patience_s
        pause_s = 0.02
        while True:
            left_s = give_up_at - time.monotonic()
            try:
                kind, value = await asyncio.wait_for(self._send(method, args, kwargs), max(left_s, 0.001))
            except (ActorDiedError, ActorUnavailableError, LookupError) as error:
                self._actor = None
                if not tries_again or time.monotonic() + pause_s >= give_up_at:
                    raise self._silent(method) from error
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
                pause_s = min(1.0, pause_s * 2)
            except (TimeoutError, RayError) as error:
                raise self._silent(method) from error
            else:
                if kind == "ok":
                    return value
                raise PrismlaneError.from_dict(value)

    async def _send(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, Any]:
        if self._actor is None:
            try:
                self._actor = ray.get_actor(self._name, namespace=self._namespace)
            except ValueError as error:
                raise LookupError(f"no actor {self._name}") from error
        return cast("tuple[str, Any]", await self._actor.call.remote(method, *args, **kwargs))

    def _silent(self, method: str) -> NotReadyError:
        return NotReadyError(
            f"the engine's {self._name} does not answer ({method})",
            hint="It may be starting or recovering; try again in a moment.",
            retry_after_s=2.0,
        )

    async def ping(self) -> dict[str, Any]:
        """A sign of life; also starts the service."""
        return cast("dict[str, Any]", await self.call("ping"))


class TrackerHandle(Handle):
    """The StateTracker; see there what each method does."""

    async def submit(self, submission: Submission, wait_s: float = 0.0) -> Accepted:
        """See `StateTracker.submit`."""
        return cast("Accepted", await self.call("submit", submission, wait_s, patience_s=wait_s))

    async def cancel(self, tenant: str, job_id: str, *, force: bool, grace_s: float, reason: str) -> None:
        """See `StateTracker.cancel`."""
        await self.call("cancel", tenant, job_id, force=force, grace_s=grace_s, reason=reason)

    async def add_dataset(
        self, tenant: str, dataset: Mapping[str, Any], idempotency: Mapping[str, str] | None
    ) -> Accepted:
        """See `StateTracker.add_dataset`."""
        return cast("Accepted", await self.call("add_dataset", tenant, dataset, idempotency))

    async def delete_dataset(self, tenant: str, dataset_id: str) -> None:
        """See `StateTracker.delete_dataset`."""
        await self.call("delete_dataset", tenant, dataset_id)

    async def claim(
        self,
        worker: WorkerInfo,
        *,
        max_jobs: int,
        batch_s: float,
        wait_s: float,
        outcomes: Sequence[Outcome] = (),
    ) -> Claimed:
        """See `StateTracker.claim`."""
        answer = await self.call(
            "claim",
            worker,
            max_jobs=max_jobs,
            batch_s=batch_s,
            wait_s=wait_s,
            outcomes=list(outcomes),
            patience_s=wait_s,
        )
        return cast("Claimed", answer)

    async def advance(
        self,
        worker: WorkerInfo,
        job_id: str,
        fence: int,
        *,
        role: str,
        done: Sequence[tuple[int, int, str]],
        merged: tuple[int, str] | None,
        n_wanted: int,
        wait_s: float,
    ) -> Step:
        """See `StateTracker.advance`."""
        answer = await self.call(
            "advance",
            worker,
            job_id,
            fence,
            role=role,
            done=list(done),
            merged=merged,
            n_wanted=n_wanted,
            wait_s=wait_s,
            patience_s=wait_s,
        )
        return cast("Step", answer)

    async def heartbeat(
        self,
        worker: WorkerInfo,
        *,
        leases: Sequence[tuple[str, int]],
        helping: Sequence[tuple[str, int]],
        wait_s: float,
    ) -> Heard:
        """See `StateTracker.heartbeat`."""
        answer = await self.call(
            "heartbeat",
            worker,
            leases=list(leases),
            helping=list(helping),
            wait_s=wait_s,
            patience_s=wait_s,
            tries_again=False,
        )
        return cast("Heard", answer)

    async def leave(self, worker: WorkerInfo) -> None:
        """See `StateTracker.leave`."""
        await self.call("leave", worker)

    async def progress(self, job_id: str, fence: int, progress: Mapping[str, Any]) -> None:
        """See `StateTracker.progress`."""
        await self.call("progress", job_id, fence, dict(progress))

    async def worker_gone(self, worker_id: str) -> None:
        """See `StateTracker.worker_gone`."""
        await self.call("worker_gone", worker_id)

    async def feed(self, stream: int, after: int, wait_s: float) -> FeedPage:
        """See `StateTracker.feed`."""
        return cast("FeedPage", await self.call("feed", stream, after, wait_s, patience_s=wait_s))

    async def progress_of(self, tenant: str, job_id: str) -> dict[str, Any] | None:
        """See `StateTracker.progress_of`."""
        return cast("dict[str, Any] | None", await self.call("progress_of", tenant, job_id))

    async def status(self) -> dict[str, Any]:
        """See `StateTracker.status`."""
        return cast("dict[str, Any]", await self.call("status"))

    async def exposition(self) -> bytes:
        """See `StateTracker.exposition`."""
        return cast("bytes", await self.call("exposition"))


class HolderHandle(Handle):
    """The DatasetHolder; see there what each method does."""

    async def acquire(self, lease: str, table_hash: str, ranges: Sequence[tuple[int, int]]) -> list[str]:
        """See `DatasetHolder.acquire`."""
        answer = await self.call("acquire", lease, table_hash, list(ranges), patience_s=LOADING_S)
        return cast("list[str]", answer)

    async def release(self, lease: str) -> None:
        """See `DatasetHolder.release`."""
        await self.call("release", lease)

    async def release_worker(self, worker_id: str) -> None:
        """See `DatasetHolder.release_worker`."""
        await self.call("release_worker", worker_id)

    async def register(
        self, source_hash: str, name: str, options: Mapping[str, Any], n_bytes: int
    ) -> dict[str, Any]:
        """See `DatasetHolder.register`."""
        answer = await self.call("register", source_hash, name, dict(options), n_bytes, patience_s=LOADING_S)
        return cast("dict[str, Any]", answer)

    async def preview(self, table_hash: str, n_rows: int) -> dict[str, Any]:
        """See `DatasetHolder.preview`."""
        return cast("dict[str, Any]", await self.call("preview", table_hash, n_rows))


class RendererHandle(Handle):
    """The ReportRenderer; see there what each method does."""

    async def render(self, result_hash: str, about: Mapping[str, Any]) -> bytes:
        """See `ReportRenderer.render`."""
        return cast("bytes", await self.call("render", result_hash, dict(about), patience_s=120.0))


class WorkerHandle(Handle):
    """An AnalysisWorker, as the Supervisor sees it."""

    async def sandbox(self) -> dict[str, Any]:
        """See `AnalysisWorker.sandbox`."""
        return cast("dict[str, Any]", await self.call("sandbox"))

    async def drain(self) -> None:
        """See `AnalysisWorker.drain`."""
        await self.call("drain")


class SupervisorHandle(Handle):
    """The Supervisor."""

    async def drain(self) -> None:
        """See `Supervisor.drain`."""
        await self.call("drain", patience_s=60.0)
