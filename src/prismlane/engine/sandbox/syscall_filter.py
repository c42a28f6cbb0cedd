"""A seccomp filter: system calls that analysis code has no use for are refused with EPERM.

Works where namespaces do not (inside most containers). It takes away sockets of any kind, new processes, other
processes (signals, limits, tracing), and memory that no rlimit counts (memfd, System V shared memory).
See https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence

from prismlane.engine.sandbox import kernel

_SECCOMP_MODE_FILTER = 2
_ALLOW, _KILL_PROCESS = 0x7FFF_0000, 0x8000_0000
_REFUSE = 0x0005_0000 | errno.EPERM
_NOT_THERE = 0x0005_0000 | errno.ENOSYS

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_ARGUMENT_0 = 0, 4, 16
_CLONE_THREAD = 0x0001_0000
#: Numbers from here on are of the x32 way to call, which would go around the list.
_X32_BIT = 0x4000_0000

_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

#: name -> number on (x86_64, aarch64); None: does not exist there.
_NUMBERS: dict[str, tuple[int, int | None]] = {
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
}
_MAKES_PROCESSES = ("fork", "vfork", "execve", "execveat")
#: Calls whose first argument is a process: refused unless it is this one (0 also means this one, or its group).
_TAKES_PROCESS = ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
_TAKES_PROCESS_ALWAYS = ("prlimit64", "sched_setaffinity")
_CONDITIONAL = {*_MAKES_PROCESSES, *_TAKES_PROCESS, *_TAKES_PROCESS_ALWAYS, "clone", "clone3", "tkill"}

Instruction = tuple[int, int, int, int]


def restrict_syscalls(*, may_fork: bool) -> None:
    """Install the filter in this process, which must have one thread; what it forks inherits it.

    Args:
        may_fork: whether it may start processes; signals to others are then left to other controls.

    Raises:
        OSError: the kernel refuses, or this is neither x86-64 nor AArch64.
    """
    program = filter_program(platform.machine(), own_pid=os.getpid(), may_fork=may_fork)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(buffer)))
    kernel.prctl(kernel.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.cast(head, ctypes.c_void_p))


def filter_program(machine: str, *, own_pid: int, may_fork: bool) -> list[Instruction]:
    """The filter as classic BPF instructions (code, jump if true, jump if false, operand).

    Raises:
        OSError: the numbers of `machine`'s system calls are not known.
    """
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOTSUP, f"no list of system calls for {machine}")
    column = 0 if machine == "x86_64" else 1
    number = {name: known for name, numbers in _NUMBERS.items() if (known := numbers[column]) is not None}
    program: list[Instruction] = [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for name, known in number.items():
        if name not in _CONDITIONAL:
            program += _refuse(known)
    for name in _TAKES_PROCESS_ALWAYS:
        program += _refuse_for_others(number[name], own_pid)
    if not may_fork:
        for name in number.keys() & {*_MAKES_PROCESSES, "tkill"}:
            program += _refuse(number[name])
        for name in _TAKES_PROCESS:
            program += _refuse_for_others(number[name], own_pid)
        program += _threads_only(number["clone"])
        # The flags of clone3 lie in memory, where a filter cannot look; the C library falls back to clone.
        program += _refuse(number["clone3"], _NOT_THERE)
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _refuse(number: int, answer: int = _REFUSE) -> Sequence[Instruction]:
    return ((_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer))


def _refuse_for_others(number: int, own_pid: int) -> Sequence[Instruction]:
    return (
        (_JUMP_EQUAL, 0, 5, number),
        (_LOAD, 0, 0, _OFFSET_ARGUMENT_0),
        (_JUMP_EQUAL, 2, 0, 0),
        (_JUMP_EQUAL, 1, 0, own_pid),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )


def _threads_only(clone: int) -> Sequence[Instruction]:
    return (
        (_JUMP_EQUAL, 0, 4, clone),
        (_LOAD, 0, 0, _OFFSET_ARGUMENT_0),
        (_JUMP_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
