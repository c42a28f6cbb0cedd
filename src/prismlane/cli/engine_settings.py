"""The settings of an engine that a command starts. Loaded only by commands that deal with one."""

import os
from pathlib import Path
from typing import Any, Final

from prismlane.common.settings import EngineSettings, SecretFiles

_KEY: Final = "PRISMLANE_AUTH__API_KEY"


def engine_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    front: str | None = None,
    data_directory: Path | None = None,
    n_workers: int | None = None,
) -> EngineSettings:
    """`EngineSettings` from the environment, with what is given here in its place.

    Raises:
        InvalidRequestError: a value does not fit.
    """
    given = {
        "server": _given(host=host, port=port, front=front),
        "data": _given(directory=data_directory),
        "worker": _given(n_workers=n_workers),
    }
    return EngineSettings.load(**{group: values for group, values in given.items() if values})


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def key_source(settings: EngineSettings) -> str | None:
    """Where the engine's API key came from; None without a key."""
    if settings.auth.api_key is None:
        return None
    if os.environ.get(_KEY):
        return _KEY
    return next(
        (f"{path} ({variable})" for variable in SecretFiles.VARIABLES if (path := os.environ.get(variable))),
        "the settings",
    )


def data_directory() -> Path:
    """Where the engine of this machine keeps its data."""
    return engine_settings().data.directory
