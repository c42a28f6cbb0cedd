"""Who asks: the tenant is taken from the API key, never from the request's body or address."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from prismlane.common.errors import AuthenticationError
from prismlane.serve.services import services_of

DEFAULT_TENANT = "default"


@dataclass(frozen=True, slots=True)
class Principal:
    """The one on whose behalf a request is answered."""

    tenant: str


def principal_of(request: Request) -> Principal:
    """The principal of `request`.

    Raises:
        AuthenticationError: a key is required, and the request carries none or another one.
    """
    expected = services_of(request).settings.auth.api_key
    if expected is None:
        return Principal(DEFAULT_TENANT)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same_secret(given.strip(), expected.get_secret_value()):
        raise AuthenticationError("the API key is wrong" if given else "this engine asks for an API key")
    return Principal(DEFAULT_TENANT)


def is_known(request: Request) -> bool:
    """Whether `request` may be told what those without a login must not know."""
    try:
        principal_of(request)
    except AuthenticationError:
        return False
    return True


def same_secret(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(_digest(given), _digest(expected))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


#: A handler's parameter of this type receives the principal; a route without it answers to anybody.
WithPrincipal = Annotated[Principal, Depends(principal_of)]
