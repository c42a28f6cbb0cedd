"""Namespaces of the child's own: no network, no shared memory with others, no way into other processes."""

import os
from pathlib import Path

from prismlane.engine.sandbox import kernel
from prismlane.engine.sandbox.controls import Control, attempt


def enter_namespaces() -> list[Control]:
    """Put this process, and all it will fork, into namespaces of their own. It must have one thread.

    A user namespace gives a process without privileges the right to the others. It also keeps the process away from the
    memory, files and environment of processes outside (they belong to another user namespace), and gives it a count
    of processes of its own.
    """
    user = attempt("other_processes_closed", _enter_user_namespace)
    network = attempt("network_off", _enter_network_namespace)
    return [user, network]


def has_own_user_namespace(controls: list[Control]) -> bool:
    """Whether `enter_namespaces` made one, so that processes are counted apart from the user's others."""
    return any(control.name == "other_processes_closed" and control.on for control in controls)


def _enter_user_namespace() -> str:
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    return "user namespace"


def _enter_network_namespace() -> str:
    kernel.unshare(kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC)
    return "network namespace without interfaces"
