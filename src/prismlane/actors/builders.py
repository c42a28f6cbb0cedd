"""How each actor's service is put together from the settings, in the process of that actor."""

import asyncio
import os
import random
import secrets
from collections.abc import Mapping
from typing import Any

import ray
from prismlane.actors import names
from prismlane.actors.child_pool import ChildPool
from prismlane.actors.handles import HolderHandle, TrackerHandle
from prismlane.actors.holder import DatasetHolder
from prismlane.actors.messages import WorkerInfo
from prismlane.actors.renderer import ReportRenderer
from prismlane.actors.tracker import StateTracker
from prismlane.actors.worker import AnalysisWorker
from prismlane.common.clock import SystemClock
from prismlane.common.logs import logger
from prismlane.common.settings import EngineSettings
from prismlane.engine.sandbox.child_process import ChildProcess
from prismlane.engine.sandbox.limits import Limits
from prismlane.engine.storage.directory_blobs import DirectoryBlobs
from prismlane.engine.storage.sqlite_store import SqliteStore
from prismlane.engine.targets import PRELOAD, TARGETS

_child_log = logger("child")


async def tracker(settings: EngineSettings, _: Mapping[str, Any]) -> StateTracker:
    """The tracker, on the store of the data directory."""
    store = await asyncio.to_thread(SqliteStore.open, settings.data.directory)
    return StateTracker(
        store=store,
        clock=SystemClock(),
        settings=settings.tracker,
        jitter=random.SystemRandom().random,
        on_deposed=ray.actor.exit_actor,
    )


async def holder(settings: EngineSettings, _: Mapping[str, Any]) -> DatasetHolder:
    """The holder of this node."""
    return DatasetHolder(
        blobs=blobs(settings),
        children=_children(settings, "holder", size=2),
        clock=SystemClock(),
        settings=settings.data,
    )


async def renderer(settings: EngineSettings, _: Mapping[str, Any]) -> ReportRenderer:
    """The renderer of reports."""
    return ReportRenderer(blobs=blobs(settings), children=_children(settings, "renderer", size=1))


async def worker(settings: EngineSettings, _: Mapping[str, Any]) -> AnalysisWorker:
    """A worker: a new incarnation with a name of its own."""
    info = WorkerInfo(
        id=f"w_{secrets.token_hex(8)}",
        node=ray.get_runtime_context().get_node_id(),
        pid=os.getpid(),
    )
    return AnalysisWorker(
        info=info,
        tracker=TrackerHandle(names.TRACKER, settings.namespace),
        holder=HolderHandle(names.HOLDER, settings.namespace),
        blobs=blobs(settings),
        child=_child(settings, info["id"]),
        clock=SystemClock(),
        worker_settings=settings.worker,
        tracker_settings=settings.tracker,
        plugins=settings.plugins,
    )


def blobs(settings: EngineSettings) -> DirectoryBlobs:
    """The blobs of the data directory."""
    return DirectoryBlobs(settings.data.directory / "blobs")


def _children(settings: EngineSettings, name: str, *, size: int) -> ChildPool:
    return ChildPool(lambda number: _child(settings, f"{name}-{number}"), size=size)


def _child(settings: EngineSettings, name: str) -> ChildProcess:
    return ChildProcess(
        Limits(
            memory_bytes=settings.worker.memory_bytes,
            file_bytes=settings.data.max_table_bytes,
            n_threads=settings.worker.threads,
        ),
        TARGETS,
        settings.data.directory / "scratch",
        preload=[*PRELOAD, *settings.plugins],
        on_log=lambda line: _child_log.info(line, child=name),
    )
