"""Where the command line's settings come from: flags, environment, ./prismlane.toml, the user's file, defaults."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prismlane.common.errors import ForbiddenError, InvalidRequestError

PROJECT_FILE: Final = "prismlane.toml"
TABLE: Final = "client"
DEFAULTS: Final[Mapping[str, str]] = {"url": "http://127.0.0.1:8700", "output": "table"}
KEYS: Final = ("url", "api_key_file", "output")
OUTPUTS: Final = ("table", "json", "ndjson")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and which of the places it came from."""

    value: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of one command. `api_key` is in no file and is not shown."""

    url: Setting
    api_key_file: Setting
    output: Setting
    #: Whether the environment holds the key itself.
    has_key_in_environment: bool

    @property
    def is_default_url(self) -> bool:
        """Whether nobody named a server."""
        return self.url.origin == "default"

    def refuse_to_leak_the_key(self, is_loopback: bool) -> None:
        """Refuse to send a key to another machine that only a file in the current directory names.

        Such a file comes with whatever project was checked out; the key is the user's.

        Raises:
            ForbiddenError: it would be so.
        """
        has_key = self.has_key_in_environment or self.api_key_file.value is not None
        if has_key and not is_loopback and self.url.origin == PROJECT_FILE:
            raise ForbiddenError(
                f"./{PROJECT_FILE} names the server {self.url.value}, and your API key would be sent there",
                hint=f"if you trust it:  export PRISMLANE_URL={self.url.value}",
            )


def load_configuration(
    flags: Mapping[str, str | None],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user_file: Path | None = None,
) -> Configuration:
    """The settings for a command.

    Args:
        flags: what the command line says, by key.
        environment: the process's own if left out.
        directory: where `prismlane.toml` may be; the current one if left out.
        user_file: the user's file; where the platform keeps such files if left out.

    Raises:
        InvalidRequestError: a file is not TOML, holds an unknown key, or a value is none of those allowed.
    """
    env = os.environ if environment is None else environment
    places: list[tuple[str, Mapping[str, str | None]]] = [
        ("flag", flags),
        ("environment", {key: env.get(f"PRISMLANE_{key.upper()}") for key in KEYS}),
        (PROJECT_FILE, _client_table((directory or Path.cwd()) / PROJECT_FILE)),
        ("user file", _client_table(user_file or _user_file())),
        ("default", DEFAULTS),
    ]
    found = {key: _first(key, places) for key in KEYS}
    _check_output(found["output"])
    return Configuration(**found, has_key_in_environment=bool(env.get("PRISMLANE_API_KEY")))


def _first(key: str, places: list[tuple[str, Mapping[str, str | None]]]) -> Setting:
    for origin, values in places:
        value = values.get(key)
        if value:
            return Setting(value, origin)
    return Setting(None, "nowhere")


def _check_output(output: Setting) -> None:
    if output.value not in OUTPUTS:
        raise InvalidRequestError(
            f'"{output.value}" is no output format ({output.origin})',
            hint=f"One of: {', '.join(OUTPUTS)}",
        )


def _user_file() -> Path:
    import platformdirs

    return platformdirs.user_config_path("prismlane") / "config.toml"


def _client_table(path: Path) -> Mapping[str, str]:
    table: Any = _read(path).get(TABLE, {})
    if not isinstance(table, dict):
        raise InvalidRequestError(
            f"{path}: {TABLE} is not a table", hint=f"Write [{TABLE}] on a line of its own."
        )
    for key, value in table.items():
        if key not in KEYS:
            raise InvalidRequestError(f'{path}: unknown key "{key}" in [{TABLE}]', hint=_nearest(key))
        if not isinstance(value, str):
            raise InvalidRequestError(f"{path}: {key} is not a text", hint="Put it in quotes.")
    return table


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{path} is not TOML: {error}") from None


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, KEYS, n=1)
    return f"closest: {near[0]}" if near else f"known: {', '.join(KEYS)}"
