"""The checks of `prismlane doctor`. Each looks at one thing and says how to mend what it finds."""

import importlib
import os
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Literal

import platformdirs

from prismlane.cli.connection import reachable_client
from prismlane.cli.engine_settings import engine_settings
from prismlane.cli.sandbox_view import in_force, off
from prismlane.cli.session import Session
from prismlane.cli.text import size
from prismlane.client.local import is_engine_installed
from prismlane.common.errors import PrismlaneError

RAY_VERSION: Final = "2.60.0"
#: The first SQLite without a bug that could corrupt a write-ahead log.
SQLITE_VERSION: Final = (3, 51, 3)
LOW_SPACE_BYTES: Final = 1_000_000_000
INSTALL: Final = "pip install 'prismlane[engine]'"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    verdict: Literal["ok", "warning", "problem"]
    what: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON."""
        return asdict(self)


def all_checks(session: Session) -> Iterator[Finding]:
    """All checks, in the order in which to mend things."""
    yield python_version(sys.version_info[:3])
    yield engine_installed(is_engine_installed())
    if is_engine_installed():
        yield ray_version(_version_of("ray"))
        yield sqlite_version()
    yield ray_token(_ray_token())
    try:
        settings = engine_settings()
    except PrismlaneError as error:
        yield Finding("settings", "problem", error.detail, error.hint)
        return
    yield from data_directory_usable(settings.data.directory)
    yield Finding("logs", "ok", f"{settings.data.logs}")
    yield from engine_or_port(session, settings)


def python_version(found: tuple[int, ...]) -> Finding:
    """Whether Python is new enough."""
    shown = ".".join(map(str, found))
    if found < (3, 11):
        return Finding("python", "problem", f"{shown}, too old", "Install Python 3.11 or newer.")
    return Finding("python", "ok", shown)


def engine_installed(is_installed: bool) -> Finding:
    """Whether jobs can run here."""
    if is_installed:
        return Finding("engine", "ok", "installed")
    return Finding("engine", "warning", "only the client is installed: this machine needs a server", INSTALL)


def ray_version(found: str | None) -> Finding:
    """Whether Ray is the release that the engine is made for."""
    if found == RAY_VERSION:
        return Finding("ray", "ok", found)
    what = f"{found or 'not installed'}; the engine is made for {RAY_VERSION}"
    return Finding("ray", "problem", what, INSTALL)


def sqlite_version() -> Finding:
    """Whether the engine's SQLite is free of a known bug."""
    found = str(importlib.import_module("apsw").sqlite_lib_version())
    if tuple(map(int, found.split("."))) < SQLITE_VERSION:
        fixed = ".".join(map(str, SQLITE_VERSION))
        return Finding(
            "sqlite", "problem", f"{found} can corrupt its log", f"apsw with SQLite {fixed} or newer"
        )
    return Finding("sqlite", "ok", found)


def ray_token(path: Path) -> Finding:
    """Whether Ray's token, which lets its reader run code, is private."""
    if not path.exists():
        return Finding("ray token", "ok", "none yet; the engine makes its own")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "ray token", "warning", f"{path} can be read by others ({mode:04o})", f"chmod 600 {path}"
        )
    return Finding("ray token", "ok", f"{path} is private")


def data_directory_usable(directory: Path) -> Iterator[Finding]:
    """Whether the engine can write its data, and how much."""
    present = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
        fix = f"chown {os.getuid()} {present}, or set PRISMLANE_DATA__DIRECTORY"
        yield Finding("data directory", "problem", f"{present} cannot be written to", fix)
        return
    yield Finding("data directory", "ok", f"{directory}")
    free = shutil.disk_usage(present).free
    if free < LOW_SPACE_BYTES:
        yield Finding("free space", "warning", f"{size(free)} at {present}", "Free some space.")
    else:
        yield Finding("free space", "ok", size(free))


def engine_or_port(session: Session, settings: Any) -> Iterator[Finding]:
    """Whether an engine answers, and how strongly it confines jobs; else whether one could be started."""
    try:
        client = reachable_client(session)
        if client is None:
            yield port_free(settings.server.host, settings.server.port)
            return
        with client:
            view = client.ready()
    except PrismlaneError as error:
        yield Finding("server", "problem", error.detail, error.hint)
        return
    state = "ready" if view.ready else f"not ready: {view.detail}"
    yield Finding("server", "ok" if view.ready else "warning", f"{client.url} is {state}")
    yield sandbox_strength(view.sandbox)


def sandbox_strength(sandbox: dict[str, Any]) -> Finding:
    """Which limits are in force around analysis code."""
    missing = off(sandbox)
    if len(missing) == len(sandbox):
        return Finding(
            "sandbox", "problem", "no limit is in force around analysis code", "Run the engine on Linux."
        )
    if missing:
        reasons = "; ".join(f"{name}: {why}" for name, why in missing.items())
        what = f"{in_force(sandbox)}. Not in force: {reasons}"
        return Finding("sandbox", "warning", what, "Run only analyses and data that you trust.")
    return Finding("sandbox", "ok", in_force(sandbox))


def port_free(host: str, port: int) -> Finding:
    """Whether an engine could listen there."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return Finding("server", "ok", f"none runs; port {port} is free")
    except OSError as error:
        what = f"no engine answers, and {host} port {port} cannot be used: {error.strerror}"
        return Finding("server", "problem", what, "prismlane up --port 0, or end what uses the port")


def _ray_token() -> Path:
    """Where the engine keeps Ray's token, unless the operator named another place."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else platformdirs.user_data_path("prismlane") / "ray_auth_token"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
