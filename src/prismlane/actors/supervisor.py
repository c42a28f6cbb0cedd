"""The Supervisor: starts the other actors, and heals those that die or hang. It knows nothing of jobs."""

import asyncio
from typing import Any

import ray
from prismlane.actors import names
from prismlane.actors.handles import Handle, HolderHandle, TrackerHandle, WorkerHandle
from prismlane.actors.shell import OPTIONS, ShellActor
from prismlane.common.errors import NotReadyError, PrismlaneError
from prismlane.common.logs import logger
from prismlane.common.settings import EngineSettings

_log = logger("supervisor")

#: Seconds between two looks at an actor.
LOOK_EVERY_S = 1.0
#: Seconds that all actors may take to start, on a machine that is busy with other things.
START_S = 110.0
#: Seconds that one actor may take to come up again: checking a large store takes its time.
COMING_UP_S = 600.0
#: Pings in a row that may tell of a fault before the actor is started again.
MAX_FAULTS = 30


class Supervisor:
    """One an engine. Ray restarts what exits; the Supervisor also restarts what hangs, and tells the tracker which
    incarnations of workers are gone, so that nobody waits for their leases.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._namespace = settings.namespace
        self._tracker = TrackerHandle(names.TRACKER, self._namespace)
        self._holder = HolderHandle(names.HOLDER, self._namespace)
        self._slots = [names.worker_name(slot) for slot in range(settings.worker.n_workers)]
        #: The kind of service of each actor that is watched.
        self._kinds = {
            names.TRACKER: "tracker",
            names.HOLDER: "holder",
            names.RENDERER: "renderer",
            **dict.fromkeys(self._slots, "worker"),
        }
        self._watches: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Create what is not there yet, and wait until all of it answers."""
        for name in self._kinds:
            self._create(name)
        starting = (Handle(name, self._namespace, deadline_s=START_S) for name in self._kinds)
        await asyncio.gather(*(actor.ping() for actor in starting))
        self._watches = [asyncio.create_task(self._watch_for_ever(name)) for name in self._kinds]

    async def stop(self) -> None:
        """Watch no more."""
        self._stopping = True
        for watch in self._watches:
            watch.cancel()

    async def ping(self) -> dict[str, Any]:
        """A sign of life."""
        return {"workers": len(self._slots)}

    async def drain(self) -> None:
        """Before a planned end: workers hand back what they run, and the tracker closes the store (G12)."""
        await self.stop()
        # A worker that does not answer is not waited for: what it ran is adopted or run again at the next start.
        await asyncio.gather(
            *(WorkerHandle(slot, self._namespace, deadline_s=15.0).drain() for slot in self._slots),
            return_exceptions=True,
        )
        for name in [*self._slots, names.HOLDER, names.RENDERER, names.TRACKER]:
            try:
                await Handle(name, self._namespace, deadline_s=10.0).call("stop")
            except PrismlaneError as error:
                _log.warning("did not stop by itself", actor=name, code=error.code)

    async def _watch_for_ever(self, name: str) -> None:
        coming_up = Handle(name, self._namespace, deadline_s=COMING_UP_S)
        running = Handle(name, self._namespace, deadline_s=self._settings.worker.hung_s)
        handle = coming_up
        incarnation: str | None = None
        n_faults = 0
        while not self._stopping:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                alive = await handle.ping()
            except NotReadyError:
                n_faults = MAX_FAULTS
            except Exception as error:  # noqa: BLE001 - whatever it is, the watch goes on
                _log.error("actor is at fault", actor=name, error=str(error))
                n_faults += 1
            else:
                handle, n_faults = running, 0
                if name in self._slots and incarnation not in (None, alive["id"]):
                    _log.warning("worker was replaced", slot=name, gone=incarnation, new=alive["id"])
                    await self._tell_gone(str(incarnation))
                incarnation = alive.get("id")
            if n_faults >= MAX_FAULTS:
                _log.error("actor is started again", actor=name)
                handle, n_faults = coming_up, 0
                if not kill(name, self._namespace, restart=True):
                    self._create(name)

    def _create(self, name: str) -> None:
        kind = self._kinds[name]
        create(name, kind, self._settings, n_cpus=1 if kind == "worker" else 0)

    async def _tell_gone(self, incarnation: str) -> None:
        try:
            await self._tracker.worker_gone(incarnation)
            await self._holder.release_worker(incarnation)
        except PrismlaneError as error:
            # Its leases run out by themselves then.
            _log.warning("tracker not told", gone=incarnation, code=error.code)


def create(name: str, kind: str, settings: EngineSettings, *, n_cpus: float = 0) -> None:
    """Create the actor `name` with a service of `kind` (see `services`), or leave the one that is there.

    Its service begins to start at once, and nobody waits for it here.
    """
    ShellActor.options(
        **OPTIONS,
        name=name,
        namespace=settings.namespace,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=n_cpus,
    ).remote(name, kind, settings.to_dict())


def kill(name: str, namespace: str, *, restart: bool) -> bool:
    """End the actor's process at once; False where there is no such actor."""
    try:
        actor = ray.get_actor(name, namespace=namespace)
    except ValueError:
        return False
    ray.kill(actor, no_restart=not restart)
    return True
