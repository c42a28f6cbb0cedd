"""Landlock: the child writes only into its scratch directory and reaches no process outside of its domain.

See https://docs.kernel.org/userspace-api/landlock.html; unprivileged, Linux 5.13 or newer.
"""

import ctypes
import os
from pathlib import Path

from prismlane.engine.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION_FLAG = 1

_WRITE_FILE = 1 << 1
#: Remove and make entries of all kinds (bits 4 to 12); since version 2 refer (13), since version 3 truncate (14).
_CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14
#: Since version 6: abstract sockets and signals stay inside.
_SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_version() -> int:
    """The version of the kernel's Landlock.

    Raises:
        OSError: it has none, or it is switched off.
    """
    return kernel.syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG)


def confine_to(directory: Path) -> int:
    """Forbid this process, for good, to write outside of `directory` and `/dev/null`. Returns Landlock's version.

    Processes outside can then not be traced, and their memory, files and environment not be read; from version 6 on
    they cannot be sent signals. Needs "no new privileges".

    Raises:
        OSError: the kernel refuses.
    """
    version = landlock_version()
    access = _write_access(version)
    ruleset = _Ruleset(fs=access, net=0, scoped=_SCOPES if version >= 6 else 0)
    size = ctypes.sizeof(ruleset) if version >= 6 else 16 if version >= 4 else 8
    ruleset_fd = kernel.syscall(_CREATE_RULESET, _address(ruleset), size, 0)
    try:
        _allow(ruleset_fd, directory, access)
        _allow(ruleset_fd, Path("/dev/null"), access & (_WRITE_FILE | _TRUNCATE))
        kernel.syscall(_RESTRICT_SELF, ruleset_fd, 0)
    finally:
        os.close(ruleset_fd)
    return version


def _write_access(version: int) -> int:
    access = _WRITE_FILE | _CHANGE_DIRECTORY
    if version >= 2:
        access |= _REFER
    if version >= 3:
        access |= _TRUNCATE
    return access


def _allow(ruleset_fd: int, path: Path, access: int) -> None:
    path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(access=access, parent_fd=path_fd)
        kernel.syscall(_ADD_RULE, ruleset_fd, _RULE_PATH_BENEATH, _address(rule), 0)
    finally:
        os.close(path_fd)


def _address(structure: ctypes.Structure) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.pointer(structure), ctypes.c_void_p)
