"""The holder of a node's data."""

from prismlane.actors.child_pool import ChildPool
from prismlane.actors.holder import DatasetHolder
from prismlane.actors.services import parts
from prismlane.common.clock import SystemClock
from prismlane.common.settings import EngineSettings

N_CHILDREN = 2


async def build(settings: EngineSettings) -> DatasetHolder:
    """The holder of an engine."""
    children = ChildPool(
        lambda number: parts.child(settings, f"holder-{number}", parts.limits(settings)), size=N_CHILDREN
    )
    return DatasetHolder(
        blobs=parts.blobs(settings), children=children, clock=SystemClock(), settings=settings.data
    )
