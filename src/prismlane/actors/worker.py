"""The AnalysisWorker: claims work, supervises the child process that computes it, and keeps its leases alive meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any

from prismlane.actors.attempt import Attempt
from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.messages import CancelOrder, Grant, Outcome, WorkerInfo
from prismlane.common.clock import Clock
from prismlane.common.errors import PrismlaneError
from prismlane.common.logs import logger
from prismlane.common.settings import TrackerSettings, WorkerSettings
from prismlane.engine.ports import BlobStore
from prismlane.engine.sandbox.child_process import ChildProcess

_log = logger("worker")

#: The longest that one call for work waits, in seconds.
CLAIM_WAIT_S = 20.0
#: How long a worker that leaves takes to report what it hands back, in seconds.
DRAIN_S = 10.0
#: How many small jobs are claimed at once at most.
MAX_BATCH = 64
#: A worker that cannot renew stops computing after this share of the lease, so that no two ever compute the same for long.
GIVE_UP_SHARE = 5 / 6


class AnalysisWorker:
    """One CPU slot. Computes one attempt at a time, in a child process; its own loop never computes."""

    def __init__(
        self,
        *,
        info: WorkerInfo,
        tracker: TrackerHandle,
        holder: HolderHandle,
        blobs: BlobStore,
        child: ChildProcess,
        clock: Clock,
        worker_settings: WorkerSettings,
        tracker_settings: TrackerSettings,
        plugins: Sequence[str] = (),
    ) -> None:
        self.info = info
        self._tracker = tracker
        self._holder = holder
        self._blobs = blobs
        self._child = child
        self._clock = clock
        self._settings = worker_settings
        self._lease_s = tracker_settings.lease_s
        self._heartbeat_s = tracker_settings.heartbeat_s
        self._plugins = plugins
        self._attempts: dict[str, Attempt] = {}
        self._renewed_at = clock.monotonic()
        self._draining = False
        #: Orders about jobs whose grant is still on its way here.
        self._early: dict[str, CancelOrder] = {}
        self._obeying: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Warm the child up, then begin to work and to beat."""
        await self._child.start()
        self._renewed_at = self._clock.monotonic()
        self._loops = [
            asyncio.create_task(self._work_for_ever()),
            asyncio.create_task(self._beat_for_ever()),
            asyncio.create_task(self._watch_lease_for_ever()),
        ]

    async def stop(self) -> None:
        """End at once; what runs is lost and run again elsewhere. `drain` first to hand it back."""
        for loop in self._loops:
            loop.cancel()
        await self._child.close()

    async def sandbox(self) -> dict[str, Any]:
        """What holds this worker's child back; see `ChildProcess.describe`."""
        return self._child.describe()

    async def ping(self) -> dict[str, Any]:
        """A sign of life, with what the worker is at."""
        for loop in self._loops:
            if loop.done() and not loop.cancelled():
                # A loop ends by a fault of ours alone: let the actor die of it, so that it starts afresh.
                loop.result()
        return {**self.info, "jobs": list(self._attempts), "draining": self._draining}

    async def drain(self) -> None:
        """Claim nothing more, and hand back what runs (T13): no attempt counts as failed."""
        self._draining = True
        await self._tracker.leave(self.info)
        for attempt in list(self._attempts.values()):
            await attempt.hand_back()
        if self._loops:
            # It reports what was handed back, and ends.
            await asyncio.wait({self._loops[0]}, timeout=DRAIN_S)

    # --- loops -----------------------------------------------------------------------------------------

    async def _work_for_ever(self) -> None:
        outcomes: list[Outcome] = []
        while not self._draining:
            try:
                claimed = await self._tracker.claim(
                    self.info,
                    max_jobs=MAX_BATCH,
                    batch_s=self._settings.batch_s,
                    wait_s=CLAIM_WAIT_S,
                    outcomes=outcomes,
                )
            except PrismlaneError as error:
                _log.warning("cannot claim", code=error.code, detail=error.detail)
                await asyncio.sleep(0.5)
                continue
            outcomes = await self._run_all(claimed["grants"])
        await self._report(outcomes)

    async def _run_all(self, grants: Sequence[Grant]) -> list[Outcome]:
        """Run `grants` one after the other. What has ended is reported soon, also where the next one takes long."""
        attempts = [self._attempt(grant) for grant in grants]
        self._attempts.update({attempt.job_id: attempt for attempt in attempts})
        early, self._early = self._early, {}
        for attempt in attempts:
            if attempt.job_id in early:
                await self._obey(early[attempt.job_id])
            if self._draining:
                await attempt.hand_back()
        outcomes: list[Outcome] = []
        report_by = self._clock.monotonic() + self._settings.batch_s
        for attempt in attempts:
            if outcomes and self._clock.monotonic() > report_by:
                await self._report(outcomes)
                outcomes = []
            if not outcomes:
                report_by = self._clock.monotonic() + self._settings.batch_s
            outcome = await attempt.run()
            self._attempts.pop(attempt.job_id, None)
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def _attempt(self, grant: Grant) -> Attempt:
        return Attempt(
            grant,
            worker=self.info,
            tracker=self._tracker,
            holder=self._holder,
            blobs=self._blobs,
            child=self._child,
            clock=self._clock,
            threads=self._settings.threads,
            plugins=self._plugins,
        )

    async def _report(self, outcomes: Sequence[Outcome]) -> None:
        while outcomes:
            try:
                await self._tracker.claim(self.info, max_jobs=0, batch_s=0.0, wait_s=0.0, outcomes=outcomes)
            except PrismlaneError as error:
                _log.warning("cannot report", code=error.code, detail=error.detail)
                await asyncio.sleep(0.5)
            else:
                return

    async def _beat_for_ever(self) -> None:
        while True:
            sent_at = self._clock.monotonic()
            try:
                heard = await self._tracker.heartbeat(
                    self.info,
                    leases=[
                        (attempt.job_id, attempt.fence)
                        for attempt in self._attempts.values()
                        if attempt.is_owner
                    ],
                    helping=[
                        (attempt.job_id, attempt.fence)
                        for attempt in self._attempts.values()
                        if not attempt.is_owner
                    ],
                    wait_s=self._heartbeat_s,
                )
            except PrismlaneError as error:
                _log.warning("no heartbeat", code=error.code, detail=error.detail)
                await asyncio.sleep(min(0.5, self._heartbeat_s))
                continue
            self._renewed_at = sent_at
            for order in heard["cancel"]:
                # Beside this loop: the lease has to be renewed until the grace of the cancel is over.
                obeying = asyncio.create_task(self._obey(order))
                self._obeying.add(obeying)
                obeying.add_done_callback(self._obeying.discard)
            for job_id in heard["stale"]:
                await self._drop(job_id)

    async def _watch_lease_for_ever(self) -> None:
        limit_s = self._lease_s * GIVE_UP_SHARE
        while True:
            await asyncio.sleep(self._lease_s / 10)
            silent_s = self._clock.monotonic() - self._renewed_at
            if self._attempts and silent_s > limit_s:
                _log.error("the tracker is silent: dropping all work", silent_s=round(silent_s, 1))
                for job_id in list(self._attempts):
                    await self._drop(job_id)

    async def _obey(self, order: CancelOrder) -> None:
        attempt = self._attempts.get(order["job_id"])
        if attempt is None:
            self._early[order["job_id"]] = order
        elif attempt.fence == order["fence"]:
            await attempt.cancel(grace_s=0.0 if order["force"] else order["grace_s"])

    async def _drop(self, job_id: str) -> None:
        attempt = self._attempts.get(job_id)
        if attempt is not None:
            await attempt.drop()
