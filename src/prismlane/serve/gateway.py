"""The gateway as a Ray Serve application: stateless replicas of the FastAPI application."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from ray.serve import Application

from prismlane.actors import builders, names
from prismlane.actors.handles import HolderHandle, RendererHandle, TrackerHandle, WorkerHandle
from prismlane.common.logs import configure_logs
from prismlane.common.settings import EngineSettings
from prismlane.engine.analyses.registry import registry
from prismlane.engine.storage.sqlite_reader import SqliteReader
from prismlane.serve.app import create_app
from prismlane.serve.news import News
from prismlane.serve.services import Services
from ray import serve

#: Each open event stream takes a place, so there are many.
MAX_ONGOING: Final = 1000


@serve.ingress()
class Gateway:
    """One replica."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = EngineSettings(**settings)
        configure_logs(self._settings.log_level, actor="gateway", pid=str(os.getpid()))

    async def __serve_build_asgi_app__(self) -> FastAPI:
        settings = self._settings
        tracker = TrackerHandle(names.TRACKER, settings.namespace)
        # The tracker makes the store; there is nothing to read before it answers.
        await tracker.ping()
        catalogue = registry()
        for module in settings.plugins:
            catalogue.add_module(module)
        news = News(tracker)
        news.start()
        services = Services(
            settings=settings,
            tracker=tracker,
            holder=HolderHandle(names.HOLDER, settings.namespace),
            renderer=RendererHandle(names.RENDERER, settings.namespace),
            a_worker=WorkerHandle(names.worker_name(0), settings.namespace, deadline_s=5.0),
            reader=await asyncio.to_thread(SqliteReader.open, settings.data.directory),
            blobs=builders.blobs(settings),
            catalogue=catalogue,
            news=news,
        )
        return create_app(services)


def application(settings: EngineSettings) -> Application:
    """The gateway, ready for `serve.run`."""
    server = settings.server
    deployment = serve.deployment(
        name="gateway",
        num_replicas=server.n_replicas,
        max_ongoing_requests=MAX_ONGOING,
        graceful_shutdown_timeout_s=server.drain_s,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=5,
        health_check_timeout_s=20,
        ray_actor_options={"num_cpus": 0},
    )(Gateway)
    return deployment.bind(settings.to_dict())
