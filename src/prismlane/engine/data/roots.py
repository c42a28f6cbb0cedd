"""Server-side paths: only regular files below the configured data roots."""

import stat
from collections.abc import Sequence
from pathlib import Path

from prismlane.common.errors import ForbiddenError, InvalidRequestError, NotFoundError

_SETTING = "PRISMLANE_DATA__ROOTS"


def resolve_below(path: str, roots: Sequence[Path]) -> Path:
    """The real path of the file that a client named, which lies below one of `roots`.

    A relative path is looked for below each root in turn. What lies outside the roots answers the same whether it exists or
    not. A link is followed only as long as it stays below the roots; the caller opens what is returned, which has no link in it.

    Raises:
        InvalidRequestError: the path has a NUL or `..` in it, or names no regular file.
        ForbiddenError: no root is configured, or the path lies outside of them.
        NotFoundError: there is no such file below the roots.
    """
    if "\0" in path or not path.strip():
        raise InvalidRequestError(
            "The path is empty or has a NUL character in it.", hint="Send a plain file path."
        )
    if ".." in Path(path).parts:
        raise InvalidRequestError(
            f"The path {path!r} has `..` in it.", hint="Send the path without `..`, e.g. /data/sales.csv."
        )
    if not roots:
        raise ForbiddenError(
            "This server reads no local paths: no data root is configured.",
            hint=f"Upload the file, or start the server with {_SETTING}=/a/directory.",
            facts={"setting": _SETTING},
        )
    real_roots = [root.resolve() for root in roots]
    inside = [real for real in _candidates(path, real_roots) if any(map(real.is_relative_to, real_roots))]
    if not inside:
        raise ForbiddenError(
            f"{path!r} is not below a data root of this server.",
            hint=f"Move the file below {', '.join(map(str, roots))}, upload it, or add its directory to {_SETTING}.",
            facts={"setting": _SETTING, "roots": [str(root) for root in roots]},
        )
    return _regular_file(path, inside)


def _candidates(path: str, roots: Sequence[Path]) -> list[Path]:
    given = Path(path)
    named = [given] if given.is_absolute() else [root / given for root in roots]
    try:
        return [name.resolve() for name in named]
    except (OSError, RuntimeError) as error:
        raise InvalidRequestError(
            f"The path {path!r} cannot be followed.", hint="Send a path without link loops."
        ) from error


def _regular_file(path: str, candidates: Sequence[Path]) -> Path:
    for real in candidates:
        try:
            mode = real.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidRequestError(f"{path!r} cannot be read: {error.strerror}.") from error
        if not stat.S_ISREG(mode):
            raise InvalidRequestError(
                f"{path!r} is not a regular file.", hint="Name one file, not a directory or device."
            )
        return real
    raise NotFoundError(
        f"There is no file {path!r} below the data roots.", hint="Check the path as the server sees it."
    )
