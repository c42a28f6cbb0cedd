"""The product, from inside the cluster: submissions to the tracker's actor, ends told by its feed; all durable."""

import asyncio

from bench.comparison import Figures
from bench.engine import engine
from bench.engine_noop.workload import n_sequential, n_together, one_by_one, together
from bench.measure import span
from prismlane.actors import names
from prismlane.actors.handles import TrackerHandle
from prismlane.actors.messages import Submission
from prismlane.common.ids import new_job_id
from prismlane.common.settings import EngineSettings
from prismlane.engine.jobs.model import JobSpec
from prismlane.engine.jobs.transitions import spec_to_dict

WARM_UP_JOBS = 20
SPEC = spec_to_dict(JobSpec(analysis="noop", analysis_version="1.0"))


def measure(quick: bool) -> Figures:
    """W1 one after the other, W2 all at once."""
    with engine() as (_, settings):
        return asyncio.run(_measure(settings, quick))


async def _measure(settings: EngineSettings, quick: bool) -> Figures:
    tracker = TrackerHandle(names.TRACKER, settings.namespace)
    ends = _Ends(tracker)
    following = asyncio.create_task(ends.follow())
    loop = asyncio.get_running_loop()
    for _ in range(WARM_UP_JOBS):
        await ends.run(1)
    taken_ms = []
    for _ in range(n_sequential(quick)):
        before = loop.time()
        await ends.run(1)
        taken_ms.append((loop.time() - before) * 1000)
    n_jobs = n_together(quick)
    with span() as taken:
        await ends.run(n_jobs)
    following.cancel()
    return one_by_one(taken_ms) | together(taken, n_jobs)


class _Ends:
    """Follows the feed, and knows which jobs have succeeded."""

    def __init__(self, tracker: TrackerHandle) -> None:
        self._tracker = tracker
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def run(self, n_jobs: int) -> None:
        """Submit `n_jobs` at once, and return when all have succeeded."""
        made = [new_job_id() for _ in range(n_jobs)]
        self._waiting = {job_id: asyncio.get_running_loop().create_future() for job_id in made}
        ends = list(self._waiting.values())
        await asyncio.gather(
            *(self._tracker.submit(Submission(job_id=job_id, tenant="bench", spec=SPEC)) for job_id in made),
            *ends,
        )

    async def follow(self) -> None:
        stream, position = 0, 0
        while True:
            page = await self._tracker.feed(stream, position, 20.0)
            stream, position = page["stream"], page["position"]
            for entry in page["entries"]:
                end = self._waiting.get(entry["job_id"])
                if end is not None and entry["state"] == "succeeded" and not end.done():
                    end.set_result(None)
