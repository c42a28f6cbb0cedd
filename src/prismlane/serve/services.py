"""What a request handler works with: handles of the actors, the read-only store, blobs and the catalogue."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request

from prismlane.actors import names
from prismlane.actors.handles import HolderHandle, RendererHandle, TrackerHandle, WorkerHandle
from prismlane.common.errors import PrismlaneError
from prismlane.common.settings import EngineSettings
from prismlane.engine.analyses.registry import Registry, registry
from prismlane.engine.ports import BlobStore, StoreReader
from prismlane.engine.storage.directory_blobs import DirectoryBlobs
from prismlane.engine.storage.sqlite_reader import SqliteReader
from prismlane.serve.news import News

#: How long one worker is waited for, in seconds.
FACTS_S: Final = 1.0


class SandboxFacts:
    """What holds analysis code back. The same in every worker for as long as the engine runs, so one answer is enough."""

    def __init__(self, workers: Sequence[WorkerHandle]) -> None:
        self._workers = workers
        self._facts: dict[str, Any] = {}

    async def get(self) -> dict[str, Any]:
        """Each control and whether it is in force; empty while no worker answers."""
        for worker in self._workers:
            if self._facts:
                break
            try:
                async with asyncio.timeout(FACTS_S):
                    self._facts = await worker.sandbox()
            except (PrismlaneError, TimeoutError):
                continue
        return self._facts


@dataclass(frozen=True, slots=True)
class Services:
    """One a gateway replica."""

    settings: EngineSettings
    tracker: TrackerHandle
    holder: HolderHandle
    renderer: RendererHandle
    sandbox: SandboxFacts
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
        sandbox=SandboxFacts(
            [WorkerHandle(names.worker_name(slot), space) for slot in range(settings.worker.n_workers)]
        ),
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
