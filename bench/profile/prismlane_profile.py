"""The product: the analysis `profile` as a job, from submit to result. Registering the file is not counted."""

from collections.abc import Sequence

from bench.comparison import Figures
from bench.measure import span
from bench.profile.tables import table
from prismlane.client import Client
from prismlane.serve.engine import LocalEngine

TIMEOUT_S = 600


def measure(quick: bool, tables: Sequence[str]) -> Figures:
    """Seconds of one profile of each table; CPU seconds are those of the whole engine."""
    paths = {name: table(name, quick) for name in tables}
    figures: Figures = {}
    engine = LocalEngine.start()
    try:
        with Client(engine.url, engine.api_key) as client:
            for name, path in paths.items():
                dataset = client.datasets.add(path)
                with span() as taken:
                    client.submit("profile", dataset).result(timeout=TIMEOUT_S)
                figures[f"{name} wall"] = (taken.wall_s, "s")
                figures[f"{name} CPU"] = (taken.cpu_s, "s")
    finally:
        engine.stop()
    return figures
