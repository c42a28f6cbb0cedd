"""Environment variables that Ray reads when it is imported. This module must not import Ray."""

import os
import secrets
from pathlib import Path

from platformdirs import user_data_path

from prismlane.common.settings import EngineSettings


def prepare(settings: EngineSettings, directory: Path) -> None:
    """Set up this process's environment for a Ray of our own, whose files are below `directory`.

    Ray's ports cannot be bound to loopback, so its token authentication, which a local Ray turns on by itself, is what
    keeps others out. The token is ours, and readable by its owner alone; one that the operator names is left alone.
    """
    os.environ.setdefault("RAY_AUTH_TOKEN_PATH", str(_token_file()))
    os.environ.update(
        {
            "RAY_DEDUP_LOGS": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_SERVE_ENABLE_HA_PROXY": "1" if settings.server.front == "haproxy" else "0",
            "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
            **_haproxy_files(directory),
        }
    )


def _token_file() -> Path:
    token = user_data_path("prismlane") / "ray_auth_token"
    token.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return token
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return token


def _haproxy_files(directory: Path) -> dict[str, str]:
    """HAProxy's files in a private folder instead of fixed places in /tmp.

    Ray puts a folder with a name of 56 characters below it, and HAProxy takes 97 in all for a socket: the names are short.
    """
    names = {
        "CONFIG_FILE_LOC": "cfg",
        "SOCKET_PATH": "s",
        "METRICS_SOCKET_PATH": "m",
        "SERVER_STATE_BASE": "",
        "SERVER_STATE_FILE": "state",
    }
    return {f"RAY_SERVE_HAPROXY_{name}": str(directory / file) for name, file in names.items()}
