"""Calls of the Linux kernel that Python's library does not wrap. All raise OSError when the kernel refuses."""

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWNET = 0x4000_0000

_CAPABILITY_VERSION_3 = 0x2008_0522

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def prctl(option: int, value: int, pointer: "ctypes.c_void_p | int" = 0) -> None:
    """Change an attribute of this process."""
    unused = ctypes.c_ulong(0)
    address = pointer if isinstance(pointer, ctypes.c_void_p) else ctypes.c_ulong(pointer)
    _checked(_LIBC.prctl(ctypes.c_int(option), ctypes.c_ulong(value), address, unused, unused))


def syscall(number: int, *arguments: "int | ctypes.c_void_p") -> int:
    """Call the kernel by number, for what the C library does not wrap either."""
    converted = (a if isinstance(a, ctypes.c_void_p) else ctypes.c_long(a) for a in arguments)
    return _checked(_LIBC.syscall(ctypes.c_long(number), *converted))


def unshare(flags: int) -> None:
    """Leave namespaces that are shared with others; CLONE_NEWUSER needs a process of one thread."""
    _checked(_LIBC.unshare(ctypes.c_int(flags)))


def drop_capabilities() -> None:
    """Give up all capabilities of this process, for good once no new privileges can be gained."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    no_capabilities = (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capset(header, no_capabilities))
