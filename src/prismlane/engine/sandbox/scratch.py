"""Directories that children may write into."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
    shutil.rmtree(scratch, onerror=_open_up_and_retry)


def _open_up_and_retry(function: Callable[..., Any], path: str, _: Any) -> None:
    """A directory may have been left without any permission."""
    for directory in (Path(path).parent, Path(path)):
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(stat.S_IRWXU)
    if function in {os.rmdir, os.unlink}:
        function(path)
    else:
        shutil.rmtree(path, ignore_errors=True)
