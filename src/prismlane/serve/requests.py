"""What all routes read from a request in the same way: preferences, idempotency keys, page tokens."""

import base64
import binascii
import hashlib
import json
import re
from typing import Any, Final

from fastapi import Request

from prismlane.common.errors import InvalidRequestError

MAX_WAIT_S: Final = 60.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d+(?:\.\d+)?)\"?", re.IGNORECASE)


def preferred_wait_s(request: Request) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 60; 0 where it is not asked for."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(found[1]), MAX_WAIT_S) if found else 0.0


def idempotency_of(request: Request, route: str, body: Any) -> dict[str, str] | None:
    """The client's key with a fingerprint of the canonical body, or None where it sent no key.

    Raises:
        InvalidRequestError: the key is empty, too long, or holds other than visible ASCII characters.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 1 <= len(key) <= 200 or not key.isascii() or not key.isprintable():
        raise InvalidRequestError("an Idempotency-Key has 1 to 200 visible ASCII characters")
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), default=str)
    return {
        "route": route,
        "key": key,
        "fingerprint": hashlib.sha256(canonical.encode()).hexdigest(),
    }


def page_token(last_id: str) -> str:
    """An opaque token for the page after `last_id`."""
    return base64.urlsafe_b64encode(f"before:{last_id}".encode()).decode().rstrip("=")


def last_id_of(token: str | None) -> str | None:
    """The id that `page_token` was given.

    Raises:
        InvalidRequestError: the token is not one of ours.
    """
    if token is None:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    kind, _, last_id = text.partition(":")
    if kind != "before" or not last_id:
        raise InvalidRequestError(
            "the page_token is not one that this API gave out",
            hint="Leave it out to start with the first page.",
        )
    return last_id
