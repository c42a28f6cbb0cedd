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


def one_by_one(taken_ms: Sequence[float]) -> Figures:
    """The figures of W1."""
    return {f"W1 p{percent}": (quantile(taken_ms, percent / 100), "ms") for percent in (50, 95, 99)}


def together(taken: Span, n_jobs: int) -> Figures:
    """The figures of W2."""
    return {
        "W2 throughput": (n_jobs / taken.wall_s, "jobs/s"),
        "W2 CPU": (taken.cpu_s / n_jobs * 1000, "ms/job"),
    }
