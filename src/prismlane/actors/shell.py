"""The one Ray actor class: the face of a plain service.

A service is a plain class with async methods; it is tested without Ray. The shell builds it in its actor process, starts
it once, calls its methods by name, and answers with a value or with a problem: errors cross as data, never as pickles.
"""

import asyncio
import importlib
import os
from collections.abc import Mapping
from typing import Any, Final, Protocol

import ray
from prismlane.common.errors import InternalError, PrismlaneError
from prismlane.common.logs import configure_logs, logger
from prismlane.common.settings import EngineSettings

_log = logger("shell")


class Service(Protocol):
    """What a shell holds."""

    async def start(self) -> None:
        """Called once, before any other method."""
        ...

    async def stop(self) -> None:
        """Give back what the service holds; also called when `start` has failed."""
        ...

    async def ping(self) -> dict[str, Any]:
        """A sign of life."""
        ...


class Shell:
    """Holds one service. All calls share one event loop, so the service needs no locks between its awaits."""

    def __init__(self, name: str, kind: str, settings: Mapping[str, Any]) -> None:
        """Hold the service that `prismlane.actors.services.<kind>` builds, under the actor's `name`."""
        self._name = name
        self._kind = kind
        self._settings = EngineSettings(**settings)
        self._service: asyncio.Task[Service] | None = None
        configure_logs(self._settings.log_level, self._settings.data.logs, actor=name, pid=str(os.getpid()))
        # A restarted process starts its service by itself too: nobody calls a supervisor.
        ray.get_runtime_context().current_actor.call.remote("ping")

    async def call(self, method: str, /, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        """Answer `("ok", value)` or `("problem", problem)`."""
        try:
            service = await self._started()
            return "ok", await getattr(service, method)(*args, **kwargs)
        except PrismlaneError as error:
            return "problem", error.to_dict()
        except Exception:  # noqa: BLE001 - the caller is told, the log has the rest
            _log.exception("call failed", actor=self._name, method=method)
            told = InternalError(f"{self._name}.{method} failed; its log tells why")
            return "problem", told.to_dict()

    async def _started(self) -> Service:
        if self._service is None:
            self._service = asyncio.create_task(self._start())
        starting = self._service
        try:
            # Shielded: a caller that goes away must not take the start down with it.
            return await asyncio.shield(starting)
        except Exception:
            # What kept the service from starting may pass (a full disk, a lock of a process that ends).
            if self._service is starting:
                self._service = None
            raise

    async def _start(self) -> Service:
        module = importlib.import_module(f"prismlane.actors.services.{self._kind}")
        service: Service = await module.build(self._settings)
        try:
            await service.start()
        except BaseException:
            # It may hold what its next try needs: the lock of the store, a child process.
            await service.stop()
            raise
        _log.info("service started", kind=self._kind)
        return service


#: The actor class. A service is restarted whenever its process ends; thousands of long polls may wait in one.
ShellActor = ray.remote(Shell)
OPTIONS: Final = {"max_restarts": -1, "max_task_retries": 0, "max_concurrency": 10_000}
