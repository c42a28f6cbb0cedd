"""A real engine in processes of its own, for tests that want the whole: `prismlane up` on a free port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

START_S = 120.0
STOP_S = 60.0


class EngineProcess:
    """An engine on loopback with a data directory of the test's. Ends with the `with` block, whatever happens there."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, data_directory: Path, log: Path) -> None:
        self.process = process
        self.url = url
        self.data_directory = data_directory
        self.log = log

    @classmethod
    def start(
        cls,
        data_directory: Path,
        *,
        front: str = "serve",
        n_workers: int = 2,
        plugins: Sequence[str] = ("prismlane.testing.analyses",),
        settings: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> Self:
        """Start an engine and wait until it takes jobs.

        Args:
            data_directory: where it keeps its data; an engine that was there before is recovered.
            front: `serve` or `haproxy`.
            n_workers: workers.
            plugins: modules with more analyses.
            settings: more variables, e.g. `{"PRISMLANE_TRACKER__LEASE_S": "3"}`.
            port: to listen on; 0 takes a free one.

        Raises:
            RuntimeError: it did not come up; carries the end of its log.
        """
        data_directory.mkdir(parents=True, exist_ok=True)
        log = data_directory / "up.log"
        environment = {
            **os.environ,
            "PRISMLANE_DATA__DIRECTORY": str(data_directory),
            "PRISMLANE_WORKER__N_WORKERS": str(n_workers),
            "PRISMLANE_SERVER__FRONT": front,
            "PRISMLANE_PLUGINS": json.dumps(list(plugins)),
            **(settings or {}),
        }
        record = data_directory / "engine.json"
        record.unlink(missing_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                [sys.executable, "-m", "prismlane", "up", "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        try:
            url = _wait_for_url(process, record, log)
        except BaseException:
            process.kill()
            process.wait()
            raise
        return cls(process, url, data_directory, log)

    def stop(self) -> int:
        """End it as `prismlane down` does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def ready(self) -> dict[str, Any]:
        """What `/readyz` says."""
        with urlopen(f"{self.url}/readyz", timeout=30) as answer:  # noqa: S310 - our own loopback address
            return dict(json.load(answer))

    def child_pids(self) -> dict[int, Path]:
        """The processes that compute, with the scratch directories they sit in."""
        scratch = str(self.data_directory / "scratch")
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    directory = (entry / "cwd").readlink()
                except OSError:
                    continue
                if str(directory).startswith(scratch):
                    found[int(entry.name)] = directory
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _wait_for_url(process: "subprocess.Popen[bytes]", record: Path, log: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            url = str(json.loads(record.read_text())["url"])
            with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - our own loopback address
                return url
        except (OSError, URLError, ValueError, KeyError):
            time.sleep(0.1)
    tail = log.read_text(errors="replace")[-4000:]
    raise RuntimeError(f"the engine did not come up (exit code {process.poll()}):\n{tail}")
