"""An engine inside this process, for those who have no server. Loaded only when it is asked for."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any, Protocol, cast

from prismlane.common.errors import EngineMissingError

#: Called with the name of a step and the seconds that it took.
OnStep = Callable[[str, float], None]


class LocalEngine(Protocol):
    """What `prismlane.serve.engine.LocalEngine` is to a client."""

    url: str
    api_key: str | None

    def stop(self) -> None:
        """End the engine and all its processes."""
        ...


def is_engine_installed() -> bool:
    """Whether the extra that runs jobs is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("ray", "duckdb", "apsw"))


def start_engine(settings: Any = None, on_step: OnStep | None = None) -> LocalEngine:
    """Start an engine and wait until it takes work.

    Args:
        settings: `prismlane.common.settings.EngineSettings`; from the environment if left out.
        on_step: told of each step when it is done.

    Raises:
        EngineMissingError: only the client is installed.
    """
    if not is_engine_installed():
        raise EngineMissingError
    # By name: the client must not depend on the engine.
    engine = importlib.import_module("prismlane.serve.engine").LocalEngine
    return cast(LocalEngine, engine.start(settings, on_step=on_step))
