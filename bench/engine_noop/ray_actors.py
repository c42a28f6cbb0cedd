"""The peer: bare Ray actors. One answers call after call (W1), two share all calls (W2)."""

import ray

from bench.comparison import Figures
from bench.engine_noop.workload import N_WORKERS, figures, n_sequential, n_together
from bench.measure import latencies_ms, span

WARM_UP_CALLS = 50


class Worker:
    """Does nothing, when asked."""

    def noop(self) -> None:
        """Return at once."""


def measure(quick: bool) -> Figures:
    """Latencies of one actor, throughput of two."""
    ray.init(address="local", num_cpus=N_WORKERS, include_dashboard=False, log_to_driver=False)
    workers = [ray.remote(Worker).remote() for _ in range(N_WORKERS)]
    ray.get([worker.noop.remote() for _ in range(WARM_UP_CALLS) for worker in workers])
    one_by_one_ms = latencies_ms(lambda: ray.get(workers[0].noop.remote()), n_sequential(quick))
    n_jobs = n_together(quick)
    with span() as together:
        ray.get([workers[number % N_WORKERS].noop.remote() for number in range(n_jobs)])
    ray.shutdown()
    return figures(one_by_one_ms, together, n_jobs)
