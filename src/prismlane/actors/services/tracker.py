"""The tracker, on the store of the data directory."""

import asyncio
import random
import sys

import ray
from prismlane.actors.tracker import StateTracker
from prismlane.common.clock import SystemClock
from prismlane.common.settings import EngineSettings
from prismlane.engine.storage.sqlite_store import SqliteStore

#: The store's thread waits for the interpreter at each statement while the event loop is busy: for 1 ms instead of 5.
SWITCH_INTERVAL_S = 0.001


async def build(settings: EngineSettings) -> StateTracker:
    """The tracker of an engine."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    store = await asyncio.to_thread(SqliteStore.open, settings.data.directory)
    return StateTracker(
        store=store,
        clock=SystemClock(),
        settings=settings.tracker,
        jitter=random.SystemRandom().random,
        on_deposed=ray.actor.exit_actor,
    )
