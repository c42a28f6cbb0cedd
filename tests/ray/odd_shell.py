"""A shell around a service that tests can ask for anything."""

import asyncio
import os
from pathlib import Path

from prismlane.actors.shell import Shell
from prismlane.common.errors import JobNotFoundError, StorageFullError


class OddService:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def start(self):
        with (self._directory / "starts").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if (self._directory / "full").exists():
            raise StorageFullError
        await asyncio.sleep(0.05)

    async def ping(self):
        return {"pid": os.getpid()}

    async def echo(self, value, *, times=1):
        return [value] * times

    async def refuse(self):
        raise JobNotFoundError("there is no job j", facts={"job": "j"})

    async def break_down(self):
        raise ValueError("a secret of the machine")


class OddShell(Shell):
    """Holds an `OddService` whose directory is its kind."""

    async def _start(self):
        service = OddService(Path(self._kind))
        await service.start()
        return service
