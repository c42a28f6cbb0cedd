"""A real engine in processes of its own, for tests that want the whole: `prismlane up` on a free port."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
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

    def __init__(
        self, process: "subprocess.Popen[bytes]", url: str, data_directory: Path, log: Path, temporary: Path
    ) -> None:
        self.process = process
        self.url = url
        self.data_directory = data_directory
        self.log = log
        #: What its processes take for the folder of temporary files; Ray's own folder is in there.
        self.temporary = temporary

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
        # Short, for Ray's sockets are in there, and the names of sockets are short.
        temporary = Path(tempfile.mkdtemp(prefix="ep-"))
        environment = {
            **os.environ,
            "TMPDIR": str(temporary),
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
            _kill_session(process)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return cls(process, url, data_directory, log, temporary)

    def stop(self) -> int:
        """End it as `prismlane down` does, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self.temporary, ignore_errors=True)
        return self.process.returncode

    def kill(self) -> None:
        """End all of its processes at once and without a word, as a power cut does."""
        _kill_session(self.process)

    def pid_of(self, actor: str) -> int:
        """The process of an actor (`tracker`, `worker-0`, `gateway` ...), the newest where it was restarted.

        Raises:
            LookupError: no such actor has said yet that it started.
        """
        starts = [line for line in self.log_lines() if line["event"] == "service started"]
        newest = max(
            (line for line in starts if line["actor"] == actor),
            key=lambda line: line["timestamp"],
            default=None,
        )
        if newest is None:
            raise LookupError(f"the actor {actor} has not started")
        return int(newest["pid"])

    def log_lines(self) -> list[dict[str, Any]]:
        """What the engine's actors have logged so far, as JSON objects."""
        files = sorted((self.data_directory / "logs").iterdir())
        lines = (line for file in files for line in file.read_text(errors="replace").splitlines())
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

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


def _kill_session(process: "subprocess.Popen[bytes]") -> None:
    """Kill `process` and all that it has started: it leads a session, which keeps its number until it is waited for."""
    while alive := _pids_of_session(process.pid):
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    process.wait()


def _pids_of_session(session: int) -> list[int]:
    """The processes of a session, without those that have ended already."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found


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
