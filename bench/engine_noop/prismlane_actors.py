"""The product, from inside the cluster: submissions to the tracker's actor, which answers at their end; all durable."""

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
WAIT_S = 60.0
SPEC = spec_to_dict(JobSpec(analysis="noop", analysis_version="1.0"))


def measure(quick: bool) -> Figures:
    """W1 one after the other, W2 all at once."""
    with engine() as (_, settings):
        return asyncio.run(_measure(settings, quick))


async def _measure(settings: EngineSettings, quick: bool) -> Figures:
    tracker = TrackerHandle(names.TRACKER, settings.namespace)
    loop = asyncio.get_running_loop()
    for _ in range(WARM_UP_JOBS):
        await _run_one(tracker)
    taken_ms = []
    for _ in range(n_sequential(quick)):
        before = loop.time()
        await _run_one(tracker)
        taken_ms.append((loop.time() - before) * 1000)
    n_jobs = n_together(quick)
    with span() as taken:
        await asyncio.gather(*(_run_one(tracker) for _ in range(n_jobs)))
    return one_by_one(taken_ms) | together(taken, n_jobs)


async def _run_one(tracker: TrackerHandle) -> None:
    await tracker.submit(Submission(job_id=new_job_id(), tenant="bench", spec=SPEC), WAIT_S)
