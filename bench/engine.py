"""An engine of the product for a subject: in a fresh data directory, on a free port, ended and removed afterwards."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prismlane.common.settings import EngineSettings
from prismlane.serve.engine import LocalEngine

N_WORKERS = 2


@contextmanager
def engine(front: str = "serve") -> Iterator[tuple[LocalEngine, EngineSettings]]:
    """A running engine with the analyses for tests, and its settings."""
    with tempfile.TemporaryDirectory(prefix="prismlane-bench-") as directory:
        settings = EngineSettings.load(
            data={"directory": Path(directory)},
            server={"port": 0, "front": front},
            worker={"n_workers": N_WORKERS},
            plugins=["prismlane.testing.analyses"],
        )
        running = LocalEngine.start(settings)
        try:
            yield running, settings
        finally:
            running.stop()
