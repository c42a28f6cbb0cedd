"""The settings of an engine that a command starts. Loaded only by commands that deal with one."""

import importlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from prismlane.common.errors import InvalidRequestError


def engine_settings(
    *,
    host: str | None = None,
    port: int | None = None,
    data_directory: Path | None = None,
    n_workers: int | None = None,
) -> Any:
    """`EngineSettings` from the environment, with what is given here in its place.

    Raises:
        InvalidRequestError: a `PRISMLANE_*` variable does not fit.
    """
    settings_class = importlib.import_module("prismlane.common.settings").EngineSettings
    try:
        settings = settings_class()
    except ValidationError as error:
        raise InvalidRequestError(
            "; ".join(f"{_variable(each['loc'])}: {each['msg']}" for each in error.errors()),
            hint="Correct the variables of the environment that are named.",
        ) from None
    changes = {
        "server": _given(host=host, port=port),
        "data": _given(directory=data_directory),
        "worker": _given(n_workers=n_workers),
    }
    groups = {
        name: getattr(settings, name).model_copy(update=given) for name, given in changes.items() if given
    }
    return settings.model_copy(update=groups)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _variable(location: tuple[int | str, ...]) -> str:
    return "PRISMLANE_" + "__".join(str(part).upper() for part in location)


def data_directory() -> Path:
    """Where the engine of this machine keeps its data."""
    return Path(engine_settings().data.directory)
