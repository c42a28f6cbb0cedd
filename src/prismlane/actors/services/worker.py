"""A worker: each process is a new incarnation with a name of its own."""

import os
import secrets

import ray
from prismlane.actors import names
from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.messages import WorkerInfo
from prismlane.actors.services import parts
from prismlane.actors.worker import AnalysisWorker
from prismlane.common.clock import SystemClock
from prismlane.common.settings import EngineSettings


async def build(settings: EngineSettings) -> AnalysisWorker:
    """A worker of an engine."""
    info = WorkerInfo(
        id=f"w_{secrets.token_hex(8)}",
        node=ray.get_runtime_context().get_node_id(),
        pid=os.getpid(),
    )
    return AnalysisWorker(
        info=info,
        tracker=TrackerHandle(names.TRACKER, settings.namespace),
        holder=HolderHandle(names.HOLDER, settings.namespace),
        blobs=parts.blobs(settings),
        child=parts.child(settings, info["id"], parts.limits(settings)),
        clock=SystemClock(),
        worker_settings=settings.worker,
        tracker_settings=settings.tracker,
        plugins=settings.plugins,
    )
