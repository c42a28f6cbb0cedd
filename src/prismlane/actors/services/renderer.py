"""The renderer of reports."""

from prismlane.actors.child_pool import ChildPool
from prismlane.actors.renderer import ReportRenderer
from prismlane.actors.services import parts
from prismlane.common.settings import GIB, EngineSettings
from prismlane.engine.sandbox.limits import Limits

#: The drawing library reserves tens of GiB of address space, and uses little of it.
LIMITS = Limits(memory_bytes=2 * GIB, mapped_bytes=64 * GIB)


async def build(settings: EngineSettings) -> ReportRenderer:
    """The renderer of an engine."""
    children = ChildPool(lambda number: parts.child(settings, f"renderer-{number}", LIMITS), size=1)
    return ReportRenderer(blobs=parts.blobs(settings), children=children)
