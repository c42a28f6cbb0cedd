"""The holder of a node's data."""

from prismlane.actors.child_pool import ChildPool
from prismlane.actors.holder import DatasetHolder
from prismlane.actors.services import parts
from prismlane.common.clock import SystemClock
from prismlane.common.settings import EngineSettings

N_LOADERS = 2
N_INGESTERS = 1


async def build(settings: EngineSettings) -> DatasetHolder:
    """The holder of an engine."""
    within = parts.limits(settings)
    return DatasetHolder(
        blobs=parts.blobs(settings),
        loaders=ChildPool(lambda number: parts.child(settings, f"loader-{number}", within), size=N_LOADERS),
        # Apart from the loaders: a large upload must not keep jobs waiting for their data.
        ingesters=ChildPool(
            lambda number: parts.child(settings, f"ingester-{number}", within), size=N_INGESTERS
        ),
        clock=SystemClock(),
        settings=settings.data,
    )
