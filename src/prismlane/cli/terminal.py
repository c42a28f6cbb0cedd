"""The terminal belongs to our own words: while an engine runs in this process, what Ray writes goes to a file."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, TextIO

from prismlane.common.errors import StoreUnavailableError
from prismlane.common.log_file import open_for_append

#: What Ray, and all else but the command line itself, writes in the process of the command.
FILE_NAME: Final = "ray.log"

_kept: list[tuple[TextIO, TextIO]] = []


def stdout() -> TextIO:
    """Where data go."""
    return _kept[-1][0] if _kept else sys.stdout


def stderr() -> TextIO:
    """Where messages go."""
    return _kept[-1][1] if _kept else sys.stderr


def width_of(stream: TextIO) -> int | None:
    """Columns of the terminal that `stream` is; None where it is none."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


@contextmanager
def kept_for_us(logs: Path) -> Iterator[Path]:
    """Let only `stdout()` and `stderr()` reach the terminal during the block; all other output goes to a file.

    Ray's core writes to the descriptors 1 and 2 past Python, so these are what is turned away. Gives the file, which is
    in the folder `logs`.

    Raises:
        StoreUnavailableError: the file cannot be written to.
    """
    path = logs / FILE_NAME
    try:
        descriptor = open_for_append(path)
    except OSError as error:
        raise StoreUnavailableError(
            f"{path} cannot be written to: {error.strerror}",
            hint="Choose another data directory: PRISMLANE_DATA__DIRECTORY=…",
        ) from error
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        ours = (_own(sys.stdout, 1, undo), _own(sys.stderr, 2, undo))
        log = undo.enter_context(
            os.fdopen(
                descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
            )
        )
        for number in (1, 2):
            _turn(number, descriptor, undo)
        undo.callback(setattr, sys, "stdout", sys.stdout)
        undo.callback(setattr, sys, "stderr", sys.stderr)
        sys.stdout = sys.stderr = log
        _kept.append(ours)
        undo.callback(_kept.pop)
        yield path


def _own(stream: TextIO, number: int, undo: ExitStack) -> TextIO:
    """`stream` as it will be when descriptor `number` is turned away."""
    stream.flush()
    try:
        is_turned = stream.fileno() == number
    except (OSError, ValueError):
        is_turned = False
    if not is_turned:
        return stream
    return undo.enter_context(
        os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors=stream.errors, buffering=1)
    )


def _turn(number: int, target: int, undo: ExitStack) -> None:
    before = os.dup(number)
    undo.callback(os.close, before)
    undo.callback(os.dup2, before, number)
    os.dup2(target, number)
