"""Probes and metrics, at the root."""

import asyncio
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from prismlane.common.errors import PrismlaneError
from prismlane.common.version import VERSION
from prismlane.common.wire import ReadyView, WorkerView
from prismlane.serve.principal import WithPrincipal, is_known
from prismlane.serve.services import Services, WithServices

router = APIRouter(tags=["health"])

#: How long a probe waits for the tracker, in seconds.
STATUS_S: Final = 5.0


@router.get("/livez", summary="Does this process answer?")
async def livez() -> dict[str, bool]:
    """200 as long as the gateway's process answers."""
    return {"live": True}


@router.get("/readyz", summary="Does the engine take work?", response_model=ReadyView)
async def readyz(request: Request, services: WithServices) -> Response:
    """200 when the tracker answers and a worker is there, else 503. Without the API key, where one is set, no more than that."""
    view = await _ready(services)
    if not is_known(request):
        view = ReadyView(ready=view.ready, version=view.version)
    return Response(
        view.model_dump_json(),
        status_code=200 if view.ready else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store"} | ({} if view.ready else {"Retry-After": "2"}),
    )


@router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
async def metrics(_: WithPrincipal, services: WithServices) -> Response:
    """The engine's metrics in Prometheus's text format: one answer for all replicas."""
    return Response(
        await services.tracker.exposition(),
        media_type="text/plain; version=0.0.4; charset=utf-8",
    )


async def _ready(services: Services) -> ReadyView:
    try:
        async with asyncio.timeout(STATUS_S):
            status: dict[str, Any] = await services.tracker.status()
    except (PrismlaneError, TimeoutError):
        return ReadyView(ready=False, version=VERSION, detail="the tracker does not answer")
    workers = [WorkerView.model_validate(worker) for worker in status["workers"]]
    return ReadyView(
        ready=bool(workers),
        version=VERSION,
        epoch=status["epoch"],
        n_workers=len(workers),
        workers=workers,
        n_queued=status["n_queued"],
        n_running=status["n_running"],
        sandbox=await services.sandbox.get(),
        detail="" if workers else "no worker has reported yet",
    )
