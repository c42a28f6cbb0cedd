"""What `/readyz` says of the limits around analysis code, for people."""

from collections.abc import Mapping
from typing import Any


def in_force(sandbox: Mapping[str, Any]) -> str:
    """How many of the limits hold, e.g. `11 of 12 limits in force`."""
    n_on = sum(bool(control["on"]) for control in sandbox.values())
    return f"{n_on} of {len(sandbox)} limits in force" if sandbox else "unknown: no worker has told yet"


def off(sandbox: Mapping[str, Any]) -> dict[str, str]:
    """The limits that do not hold, and why."""
    return {name: str(control["reason"]) for name, control in sorted(sandbox.items()) if not control["on"]}
