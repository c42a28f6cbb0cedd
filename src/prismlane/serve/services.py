"""What a request handler works with: handles of the actors, the read-only store, blobs and the catalogue."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from prismlane.actors import names
from prismlane.actors.handles import HolderHandle, RendererHandle, TrackerHandle, WorkerHandle
from prismlane.common.settings import EngineSettings
from prismlane.engine.analyses.registry import Registry, registry
from prismlane.engine.ports import BlobStore, StoreReader
from prismlane.engine.storage.directory_blobs import DirectoryBlobs
from prismlane.engine.storage.sqlite_reader import SqliteReader
from prismlane.serve.news import News


@dataclass(frozen=True, slots=True)
class Services:
    """One a gateway replica."""

    settings: EngineSettings
    tracker: TrackerHandle
    holder: HolderHandle
    renderer: RendererHandle
    #: One of the workers, which are all alike; probes ask it what holds analysis code back.
    a_worker: WorkerHandle
    reader: StoreReader
    blobs: BlobStore
    catalogue: Registry
    news: News


async def connect(settings: EngineSettings) -> Services:
    """The services of a replica, once the tracker answers: it makes the store that they read."""
    space = settings.namespace
    tracker = TrackerHandle(names.TRACKER, space)
    await tracker.ping()
    catalogue = registry()
    for module in settings.plugins:
        catalogue.add_module(module)
    return Services(
        settings=settings,
        tracker=tracker,
        holder=HolderHandle(names.HOLDER, space),
        renderer=RendererHandle(names.RENDERER, space),
        a_worker=WorkerHandle(names.worker_name(0), space, deadline_s=5.0),
        reader=await asyncio.to_thread(SqliteReader.open, settings.data.directory),
        blobs=DirectoryBlobs(settings.data.directory / "blobs"),
        catalogue=catalogue,
        news=News(tracker),
    )


def services_of(request: Request) -> Services:
    """The services of the app that answers `request`."""
    return cast("Services", request.app.state.services)


#: A handler's parameter of this type receives the services.
WithServices = Annotated[Services, Depends(services_of)]
