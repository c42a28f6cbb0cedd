"""The peers: bare Ray actors. One answers call after call (W1), two share all calls (W2).

`pooled` hands out the calls of W2 by Ray's own ActorPool, which gives each actor its next call when it has answered the
last one, as a queue of jobs does. Otherwise all calls are sent at once, to the two actors in turn: the most that Ray can do.
"""

from ray.util.actor_pool import ActorPool

import ray
from bench.comparison import Figures
from bench.engine_noop.workload import N_WORKERS, n_sequential, n_together, one_by_one, together
from bench.measure import latencies_ms, span

WARM_UP_CALLS = 50


class Worker:
    """Does nothing, when asked."""

    def noop(self) -> None:
        """Return at once."""


def measure(quick: bool, pooled: bool) -> Figures:
    """Latencies of one actor, throughput of two; only the latter when `pooled`."""
    ray.init(address="local", num_cpus=N_WORKERS, include_dashboard=False, log_to_driver=False)
    workers = [ray.remote(Worker).remote() for _ in range(N_WORKERS)]
    ray.get([worker.noop.remote() for _ in range(WARM_UP_CALLS) for worker in workers])
    n_jobs = n_together(quick)
    if pooled:
        with span() as taken:
            _pooled(workers, n_jobs)
        figures = together(taken, n_jobs)
    else:
        taken_ms = latencies_ms(lambda: ray.get(workers[0].noop.remote()), n_sequential(quick))
        with span() as taken:
            _in_turn(workers, n_jobs)
        figures = one_by_one(taken_ms) | together(taken, n_jobs)
    ray.shutdown()
    return figures


def _in_turn(workers: list, n_jobs: int) -> None:
    ray.get([workers[number % len(workers)].noop.remote() for number in range(n_jobs)])


def _pooled(workers: list, n_jobs: int) -> None:
    for _ in ActorPool(workers).map_unordered(lambda worker, _: worker.noop.remote(), range(n_jobs)):
        pass
