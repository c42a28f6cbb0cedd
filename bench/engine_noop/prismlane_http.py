"""The product, from outside: the Python client over HTTP, one job a request, all durable."""

from concurrent.futures import ThreadPoolExecutor

from bench.comparison import Figures
from bench.engine_noop.workload import N_SUBMITTERS, n_sequential, n_together, one_by_one, together
from bench.measure import latencies_ms, span
from prismlane.client import Client
from prismlane.serve.engine import LocalEngine

WARM_UP_JOBS = 20
TIMEOUT_S = 120


def measure(quick: bool) -> Figures:
    """W1 by one caller, W2 by sixteen threads."""
    engine = LocalEngine.start(extra_modules=["prismlane.testing.analyses"])
    try:
        with Client(engine.url, engine.api_key) as client:
            for _ in range(WARM_UP_JOBS):
                _run_one(client)
            taken_ms = latencies_ms(lambda: _run_one(client), n_sequential(quick))
            n_jobs = n_together(quick)
            with span() as taken:
                _run_together(client, n_jobs)
    finally:
        engine.stop()
    return one_by_one(taken_ms) | together(taken, n_jobs)


def _run_one(client: Client) -> None:
    client.submit("noop").result(timeout=TIMEOUT_S)


def _run_together(client: Client, n_jobs: int) -> None:
    with ThreadPoolExecutor(N_SUBMITTERS) as submitters:
        jobs = list(submitters.map(lambda _: client.submit("noop"), range(n_jobs)))
        for _ in submitters.map(lambda job: job.result(timeout=TIMEOUT_S), jobs):
            pass
