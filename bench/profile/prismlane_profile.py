"""The product: the analysis `profile` as a job, from submit to result. Registering the file is not counted."""

from collections.abc import Sequence

from bench.comparison import Figures
from bench.engine import engine
from bench.measure import span
from bench.profile.tables import table
from prismlane.client import Client

TIMEOUT_S = 600


def measure(quick: bool, tables: Sequence[str]) -> Figures:
    """Seconds of one profile of each table; CPU seconds are those of the whole engine."""
    paths = {name: table(name, quick) for name in tables}
    figures: Figures = {}
    with engine() as (running, _), Client(running.url, running.api_key) as client:
        for name, path in paths.items():
            dataset = client.datasets.add(path)
            for figure in ("first", "again"):
                with span() as taken:
                    client.run("profile", dataset, timeout=TIMEOUT_S, seed=len(figures))
                figures[f"{name} {figure} wall"] = (taken.wall_s, "s")
                figures[f"{name} {figure} CPU"] = (taken.cpu_s, "s")
    return figures
