"""The AnalysisWorker: claims work, supervises the child process that computes it, and keeps its leases alive meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any

from prismlane.actors.attempt import Attempt
from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.messages import CancelOrder, Grant, Heard, Outcome, WorkerInfo
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
#: Jobs of a batch begin within this many times the seconds that all of it was expected to take.
BATCH_SLACK = 4
#: Pause after the tracker did not answer, in seconds.
PAUSE_S = 0.5
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
        #: How attempts ended that the tracker has not confirmed yet; until then they stay among the attempts.
        self._outcomes: list[Outcome] = []
        self._reporting: asyncio.Task[None] | None = None
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
        while not self._draining:
            outcomes, self._outcomes = self._outcomes, []
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
                self._outcomes = [*outcomes, *self._outcomes]
                await asyncio.sleep(PAUSE_S)
                continue
            self._forget(outcomes)
            await self._run_all(claimed["grants"])
        await self._report()

    async def _run_all(self, grants: Sequence[Grant]) -> None:
        """Run `grants` one after the other.

        What has ended is reported beside the next one, should that take long. What has not begun by the time that all
        were expected to take goes back to the queue: another worker may be idle.
        """
        attempts = [self._attempt(grant) for grant in grants]
        self._attempts.update({attempt.job_id: attempt for attempt in attempts})
        early, self._early = self._early, {}
        for attempt in attempts:
            if attempt.job_id in early:
                await self._obey(early[attempt.job_id])
        begin_by = self._clock.monotonic() + BATCH_SLACK * self._settings.batch_s
        for number, attempt in enumerate(attempts):
            if self._draining or (number > 0 and self._clock.monotonic() > begin_by):
                await attempt.hand_back()
            outcome = await attempt.run()
            if outcome is None:
                self._attempts.pop(attempt.job_id, None)
                continue
            self._outcomes.append(outcome)
            if len(attempts) > 1 and self._reporting is None:
                self._reporting = asyncio.create_task(self._report_soon())

    async def _report_soon(self) -> None:
        try:
            await asyncio.sleep(self._settings.batch_s)
            await self._report()
        finally:
            self._reporting = None

    async def _report(self) -> None:
        """Tell all outcomes, and keep at it until they are taken: the heartbeats keep their leases alive meanwhile."""
        while self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            try:
                await self._tracker.claim(self.info, max_jobs=0, batch_s=0.0, wait_s=0.0, outcomes=outcomes)
            except PrismlaneError as error:
                _log.warning("cannot report", code=error.code, detail=error.detail)
                self._outcomes = [*outcomes, *self._outcomes]
                await asyncio.sleep(PAUSE_S)
            else:
                self._forget(outcomes)

    def _forget(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            attempt = self._attempts.get(outcome["job_id"])
            if attempt is not None and attempt.fence == outcome["fence"]:
                del self._attempts[outcome["job_id"]]

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

    async def _beat_for_ever(self) -> None:
        wait_s = 0.0
        while True:
            sent_at = self._clock.monotonic()
            try:
                heard = await self._beat(wait_s)
            except PrismlaneError as error:
                _log.warning("no heartbeat", code=error.code, detail=error.detail)
                # The next one asks for an answer at once: this worker must soon know where it stands.
                wait_s = 0.0
                await asyncio.sleep(min(PAUSE_S, self._heartbeat_s))
                continue
            self._renewed_at = sent_at
            wait_s = self._heartbeat_s
            for order in heard["cancel"]:
                # Beside this loop: the lease has to be renewed until the grace of the cancel is over.
                obeying = asyncio.create_task(self._obey(order))
                self._obeying.add(obeying)
                obeying.add_done_callback(self._obeying.discard)
            for job_id in heard["stale"]:
                await self._drop(job_id)

    async def _beat(self, wait_s: float) -> Heard:
        attempts = list(self._attempts.values())
        return await self._tracker.heartbeat(
            self.info,
            leases=[(attempt.job_id, attempt.fence) for attempt in attempts if attempt.is_owner],
            helping=[(attempt.job_id, attempt.fence) for attempt in attempts if not attempt.is_owner],
            wait_s=wait_s,
        )

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
