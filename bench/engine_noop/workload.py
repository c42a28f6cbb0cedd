"""The work that all subjects do, and the names of its figures."""

from collections.abc import Sequence

from bench.comparison import Figures
from bench.measure import Span, quantile

N_WORKERS = 2
N_SUBMITTERS = 16


def n_sequential(quick: bool) -> int:
    """Calls of W1: submit one no-op, wait for its result, again."""
    return 100 if quick else 1000


def n_together(quick: bool) -> int:
    """Calls of W2: submit all, then wait until every result is known."""
    return 200 if quick else 2000


def figures(one_by_one_ms: Sequence[float], together: Span, n_jobs: int) -> Figures:
    """The figures of both kinds of work."""
    return {
        "W1 p50": (quantile(one_by_one_ms, 0.50), "ms"),
        "W1 p95": (quantile(one_by_one_ms, 0.95), "ms"),
        "W1 p99": (quantile(one_by_one_ms, 0.99), "ms"),
        "W2 throughput": (n_jobs / together.wall_s, "jobs/s"),
        "W2 CPU": (together.cpu_s / n_jobs * 1000, "ms/job"),
    }
