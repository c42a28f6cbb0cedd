import signal

import pytest

from prismlane.common.errors import ChildDiedError, DeadlineExceededError, OutOfMemoryError
from prismlane.engine.sandbox.exits import EXIT_OUT_OF_MEMORY, Exit, count_oom_kills, error_of_exit


def error(end, *, last_lines=(), n_oom_kills=0):
    return error_of_exit(end, last_lines=last_lines, n_oom_kills=n_oom_kills)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exit code 0"),
        (7, "exit code 7"),
        (-9, "ended by SIGKILL"),
        (-63, "ended by signal 63"),
        (None, "gone without a trace"),
    ],
)
def test_exit_tells_how_the_process_ended(status, text):
    assert str(Exit.of_status(status)) == text


def test_cpu_limit_is_a_deadline():
    assert type(error(Exit(signal_number=signal.SIGXCPU))) is DeadlineExceededError


@pytest.mark.parametrize(
    "line",
    [
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "memory allocation of 1073741824 bytes failed",
        "OpenBLAS: malloc failed in alloc_mmap",
        "mmap: Cannot allocate memory",
    ],
)
def test_crash_whose_last_words_speak_of_memory_is_out_of_memory(line):
    assert type(error(Exit(signal_number=signal.SIGABRT), last_lines=["before", line])) is OutOfMemoryError


def test_crash_without_such_words_is_a_death():
    assert type(error(Exit(signal_number=signal.SIGABRT), last_lines=["assertion failed"])) is ChildDiedError


def test_words_of_memory_alone_do_not_excuse_an_exit():
    assert type(error(Exit(code=1), last_lines=["std::bad_alloc"])) is ChildDiedError


def test_exit_code_of_a_starved_child_is_out_of_memory():
    assert type(error(Exit(code=EXIT_OUT_OF_MEMORY))) is OutOfMemoryError


def test_kill_while_the_kernel_killed_for_memory_is_out_of_memory():
    assert type(error(Exit(signal_number=signal.SIGKILL), n_oom_kills=1)) is OutOfMemoryError


def test_kill_by_somebody_else_is_a_death_with_facts():
    died = error(Exit(signal_number=signal.SIGKILL), last_lines=[str(n) for n in range(50)])
    assert type(died) is ChildDiedError
    assert died.facts == {"exit_code": None, "signal": "SIGKILL"}


def test_kernel_counts_its_kills():
    assert count_oom_kills() >= 0
