"""Where the server is and with which key to speak to it."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from prismlane.common.errors import AuthenticationError, InvalidRequestError

DEFAULT_URL: Final = "http://127.0.0.1:8700"


@dataclass(frozen=True, slots=True)
class Address:
    """A server's URL and the key for it; the key shows in no representation."""

    url: str
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parsed = httpx2.URL(self.url)
        if parsed.scheme not in {"http", "https"} or not parsed.host:
            raise InvalidRequestError(
                f'"{self.url}" is not the URL of a server',
                hint=f"Write it like {DEFAULT_URL}",
            )
        if parsed.userinfo:
            raise InvalidRequestError(
                f"the URL of {parsed.host} carries a user name or password",
                hint="Give the API key by PRISMLANE_API_KEY or PRISMLANE_API_KEY_FILE.",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine."""
        host = httpx2.URL(self.url).host
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    @property
    def headers(self) -> dict[str, str]:
        """What proves to the server who asks."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}


def address_from(
    url: str | None = None, api_key: str | None = None, environment: Mapping[str, str] | None = None
) -> Address:
    """The address given, completed from `PRISMLANE_URL`, `PRISMLANE_API_KEY` and `PRISMLANE_API_KEY_FILE`."""
    env = os.environ if environment is None else environment
    return Address(
        url=(url or env.get("PRISMLANE_URL") or DEFAULT_URL).rstrip("/"),
        api_key=api_key or env.get("PRISMLANE_API_KEY") or _key_in(env.get("PRISMLANE_API_KEY_FILE")),
    )


def _key_in(path: str | None) -> str | None:
    return read_key_file(Path(path)) if path else None


def read_key_file(path: Path) -> str:
    """The API key in the file at `path`.

    Raises:
        AuthenticationError: the file cannot be read, or is empty.
    """
    try:
        key = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise AuthenticationError(f"the API key file {path} cannot be read: {reason}") from None
    if not key:
        raise AuthenticationError(f"the API key file {path} is empty")
    return key
