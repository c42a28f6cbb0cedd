"""The version of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("prismlane")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "0+source"


VERSION: Final = _installed()
