"""The product, from outside: the Python client over HTTP, one job a request, all durable."""

from concurrent.futures import ThreadPoolExecutor

from bench.comparison import Figures
from bench.engine import engine
from bench.engine_noop.workload import N_SUBMITTERS, n_sequential, n_together, one_by_one, together
from bench.measure import latencies_ms, span
from prismlane.client import Client

WARM_UP_JOBS = 20
WAIT_S = 60


def measure(quick: bool, front: str) -> Figures:
    """W1 by one caller, W2 by sixteen threads. A request answers when its job has ended (`Prefer: wait`)."""
    with engine(front) as (running, _), Client(running.url, running.api_key) as client:
        for _ in range(WARM_UP_JOBS):
            _run_one(client)
        taken_ms = latencies_ms(lambda: _run_one(client), n_sequential(quick))
        n_jobs = n_together(quick)
        with span() as taken, ThreadPoolExecutor(N_SUBMITTERS) as submitters:
            for _ in submitters.map(lambda _: _run_one(client), range(n_jobs)):
                pass
    return one_by_one(taken_ms) | together(taken, n_jobs)


def _run_one(client: Client) -> None:
    job = client.submit("noop", wait_s=WAIT_S)
    if job.state != "succeeded":
        raise RuntimeError(f"{job.id} is {job.state}")
