"""Directories that children may write into."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from prismlane.common.errors import AnalysisError


def make_scratch(root: Path) -> Path:
    """A new empty directory under `root`, of this user alone (0700)."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="child-", dir=root))


def wipe(scratch: Path) -> None:
    """Remove everything in `scratch`, but not itself. Does not follow symlinks, also not ones that appear meanwhile."""
    for entry in scratch.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def remove(scratch: Path) -> None:
    """Remove `scratch` with all that is in it. Only when nothing runs any more that could write there."""
    try:
        shutil.rmtree(scratch)
    except PermissionError:
        for folder, names, _ in os.walk(scratch):  # from the top, so that each is opened before it is entered
            for inner in (Path(folder, name) for name in names):
                if not inner.is_symlink():
                    inner.chmod(stat.S_IRWXU)
        shutil.rmtree(scratch)


def take_file(scratch: Path, name: str, target: Path) -> Path:
    """Move the plain file `name` of `scratch` to `target`, on the same file system.

    Raises:
        AnalysisError: `name` is a path, or not a plain file with this one name (a link would lead out of `scratch`).
    """
    source = scratch / name
    if Path(name).name != name:
        raise AnalysisError(
            f"The child process named {name!r}, which is not a file of its scratch directory."
        )
    try:
        source.rename(target)
        found = target.lstat()
    except OSError as error:
        raise AnalysisError(
            f"The child process's file {name!r} cannot be taken: {error.strerror}."
        ) from error
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        target.unlink()
        raise AnalysisError(f"The child process's {name!r} is not a plain file.")
    return target
