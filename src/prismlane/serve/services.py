"""What a request handler works with: handles of the actors, the read-only store, blobs and the catalogue."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from prismlane.actors.handles import HolderHandle, RendererHandle, TrackerHandle, WorkerHandle
from prismlane.common.settings import EngineSettings
from prismlane.engine.analyses.registry import Registry
from prismlane.engine.ports import BlobStore, StoreReader
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


def services_of(request: Request) -> Services:
    """The services of the app that answers `request`."""
    return cast("Services", request.app.state.services)


#: A handler's parameter of this type receives the services.
WithServices = Annotated[Services, Depends(services_of)]
