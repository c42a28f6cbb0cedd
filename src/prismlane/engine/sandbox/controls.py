"""What holds the child back, and whether it is in force here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that the child cannot do, or a limit it has; `reason` says by what means, or why not."""

    name: str
    on: bool
    reason: str


def attempt(name: str, put_in_force: Callable[[], str]) -> Control:
    """Run `put_in_force`, which returns the means it used; a kernel that refuses makes the control be off."""
    try:
        return Control(name, on=True, reason=put_in_force())
    except OSError as error:
        return Control(name, on=False, reason=f"this system refuses it: {error.strerror or error}")


def as_dict(controls: Iterable[Control]) -> dict[str, dict[str, Any]]:
    """`{name: {"on": bool, "reason": str}}`, for `/readyz` and `doctor`."""
    return {control.name: {"on": control.on, "reason": control.reason} for control in controls}


def from_dict(described: dict[str, Any]) -> list[Control]:
    """The controls that `as_dict` wrote down.

    Raises:
        KeyError, TypeError: `described` has another form.
    """
    return [Control(name, on=bool(one["on"]), reason=str(one["reason"])) for name, one in described.items()]


def strongest(controls: Iterable[Control]) -> list[Control]:
    """One control a name: several means may be tried for one end, and one that works is enough."""
    best: dict[str, Control] = {}
    for control in controls:
        known = best.get(control.name)
        if known is None or (control.on and not known.on):
            best[control.name] = control
        elif control.on and known.on:
            best[control.name] = Control(control.name, on=True, reason=f"{known.reason}; {control.reason}")
    return list(best.values())
