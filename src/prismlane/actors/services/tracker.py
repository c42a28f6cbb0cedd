"""The tracker, on the store of the data directory."""

import asyncio
import os
import random
import sys

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
        # Not Ray's own way to leave, which would leave the engine without a tracker: this process ends, and Ray starts
        # another one, which takes over in its turn.
        on_deposed=lambda: os._exit(1),
    )
