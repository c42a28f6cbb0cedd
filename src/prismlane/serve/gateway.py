"""The gateway as a Ray Serve application: stateless replicas of the FastAPI application.

What a replica needs is imported in the replica: whoever only deploys it need not wait for that.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ray.serve import Application

from prismlane.common.logs import configure_logs, logger
from prismlane.common.settings import EngineSettings
from ray import serve

if TYPE_CHECKING:
    from fastapi import FastAPI

#: Each open event stream takes a place, so there are many.
MAX_ONGOING: Final = 1000


@serve.ingress()
class Gateway:
    """One replica."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = EngineSettings(**settings)
        configure_logs(
            self._settings.log_level, self._settings.data.logs, actor="gateway", pid=str(os.getpid())
        )

    async def __serve_build_asgi_app__(self) -> "FastAPI":
        from prismlane.serve.app import create_app  # noqa: PLC0415 - see above
        from prismlane.serve.services import connect  # noqa: PLC0415 - see above

        app = create_app(await connect(self._settings))
        logger("gateway").info("service started", kind="gateway")
        return app


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
