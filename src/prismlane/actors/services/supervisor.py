"""The supervisor."""

from prismlane.actors.supervisor import Supervisor
from prismlane.common.settings import EngineSettings


async def build(settings: EngineSettings) -> Supervisor:
    """The supervisor of an engine."""
    return Supervisor(settings)
