"""Which workers the tracker has heard of, and what it has to tell them."""

import asyncio
from collections import defaultdict
from typing import Any

from prismlane.actors.messages import CancelOrder, WorkerInfo
from prismlane.common.clock import Clock
from prismlane.engine.jobs.leases import LeaseBook


class Roster:
    """Workers by incarnation. Orders wait until their worker's next heartbeat comes, or end the wait of the present one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}
        self._orders: defaultdict[str, list[CancelOrder]] = defaultdict(list)
        self._news: dict[str, asyncio.Event] = {}
        self._dismissed: set[str] = set()

    @property
    def n_workers(self) -> int:
        """How many workers are there."""
        return len(self._workers)

    def saw(self, worker: WorkerInfo) -> None:
        """Note a word of `worker`."""
        self._workers[worker["id"]] = (worker, self._clock.monotonic())

    def forget(self, worker_id: str) -> None:
        """Strike off a worker that is gone."""
        self._workers.pop(worker_id, None)
        self._orders.pop(worker_id, None)
        self._news.pop(worker_id, None)
        self._dismissed.discard(worker_id)

    def dismiss(self, worker_id: str) -> None:
        """Note that a worker leaves: it still reports, and takes no more work."""
        self._dismissed.add(worker_id)

    def may_work(self, worker_id: str) -> bool:
        """Whether the worker takes work: it is there, and not about to leave."""
        return worker_id in self._workers and worker_id not in self._dismissed

    def silent_for(self, seconds: float) -> list[str]:
        """Workers that said nothing for so long."""
        earliest = self._clock.monotonic() - seconds
        return [worker_id for worker_id, (_, seen) in self._workers.items() if seen < earliest]

    def order(self, worker_id: str, order: CancelOrder) -> None:
        """Tell `worker_id` to end a job."""
        self._orders[worker_id].append(order)
        news = self._news.get(worker_id)
        if news is not None:
            news.set()

    async def orders(self, worker_id: str, wait_s: float) -> list[CancelOrder]:
        """What to tell `worker_id`; waits up to `wait_s` for the first order."""
        if not self._orders.get(worker_id) and wait_s > 0:
            news = self._news[worker_id] = asyncio.Event()
            try:
                await asyncio.wait_for(news.wait(), wait_s)
            except TimeoutError:
                return []
        return self._orders.pop(worker_id, [])

    def views(self, leases: LeaseBook) -> list[dict[str, Any]]:
        """The workers as `wire.WorkerView` describes them."""
        mono = self._clock.monotonic()
        return [
            {
                "id": worker_id,
                "node": info["node"],
                "pid": info["pid"],
                "jobs": [lease.job_id for lease in leases.of_worker(worker_id)],
                "seen_s": round(mono - seen, 3),
            }
            for worker_id, (info, seen) in self._workers.items()
        ]
