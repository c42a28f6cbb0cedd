"""Names of the actors in the engine's Ray namespace."""

from typing import Final

TRACKER: Final = "tracker"
HOLDER: Final = "holder"
RENDERER: Final = "renderer"
SUPERVISOR: Final = "supervisor"


def worker_name(slot: int) -> str:
    """The actor of a worker slot; its incarnations have random ids besides."""
    return f"worker-{slot}"
