"""The filter's program, run by a small interpreter of classic BPF on made-up system calls."""

import pytest

from prismlane.engine.sandbox.syscall_filter import _NUMBERS, filter_program

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF_0000, 0x0005_0001, 0x0005_0026, 0x8000_0000
ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
OWN_PID = 4242
THREAD = 0x003D_0F00  # what pthread_create passes to clone
FORK = 0x0120_0011
READ = {"x86_64": 0, "aarch64": 63}


def run(program, number, argument=0, *, architecture):
    fields = {0: number, 4: architecture, 16: argument & 0xFFFF_FFFF}
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, operand = program[position]
        position += 1
        match code:
            case 0x20:
                accumulator = fields[operand]
            case 0x06:
                return operand
            case 0x15:
                position += if_true if accumulator == operand else if_false
            case 0x35:
                position += if_true if accumulator >= operand else if_false
            case 0x45:
                position += if_true if accumulator & operand else if_false


@pytest.fixture(params=ARCHITECTURES)
def machine(request):
    return request.param


@pytest.fixture
def judge(machine):
    """What the filter says to a system call, by name or number."""

    def judge(call, argument=0, *, may_fork=False):
        program = filter_program(machine, own_pid=OWN_PID, may_fork=may_fork)
        number = _NUMBERS[call][machine != "x86_64"] if isinstance(call, str) else call
        return run(program, number, argument, architecture=ARCHITECTURES[machine])

    return judge


@pytest.mark.parametrize("may_fork", [False, True])
@pytest.mark.parametrize(
    "name", ["socket", "ptrace", "memfd_create", "io_uring_setup", "unshare", "mount", "shmget"]
)
def test_call_without_use_is_refused(judge, name, may_fork):
    assert judge(name, may_fork=may_fork) == EPERM


def test_ordinary_calls_are_allowed(judge, machine):
    assert judge(READ[machine]) == ALLOW


def test_threads_are_allowed_and_processes_are_not(judge):
    assert judge("clone", THREAD) == ALLOW
    assert judge("clone", FORK) == EPERM
    assert judge("clone3") == ENOSYS
    assert judge("execve") == EPERM


def test_processes_are_allowed_where_they_may_be(judge):
    assert judge("clone", FORK, may_fork=True) == ALLOW
    assert judge("clone3", may_fork=True) == ALLOW
    assert judge("execve", may_fork=True) == ALLOW


@pytest.mark.parametrize("name", ["kill", "tgkill", "prlimit64", "sched_setaffinity"])
@pytest.mark.parametrize(
    ("pid", "answer"), [(OWN_PID, ALLOW), (0, ALLOW), (1, EPERM), (-1, EPERM), (-OWN_PID, EPERM)]
)
def test_only_the_process_itself_can_be_named(judge, name, pid, answer):
    assert judge(name, pid) == answer


def test_calls_of_another_architecture_kill(machine):
    program = filter_program(machine, own_pid=OWN_PID, may_fork=False)
    assert run(program, 0, architecture=0x4000_0003) == KILL


def test_calls_by_the_other_numbers_of_x32_are_refused():
    program = filter_program("x86_64", own_pid=OWN_PID, may_fork=False)
    assert run(program, 0x4000_0000, architecture=ARCHITECTURES["x86_64"]) == EPERM


def test_machine_that_is_not_known_has_no_filter():
    with pytest.raises(OSError, match="riscv64"):
        filter_program("riscv64", own_pid=OWN_PID, may_fork=False)
