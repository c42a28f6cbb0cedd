"""What the README and the tutorial tell to type is typed here, against a real engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prismlane.testing.engine_process import EngineProcess

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SALES = "day,amount\n" + "".join(f"2026-01-{day:02},{day * 1.5}\n" for day in range(1, 29))


def blocks(page: str, language: str, containing: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    (code,) = (code for name, code in BLOCK.findall(text) if name == language and containing in code)
    return code


def commands(console: str) -> str:
    return "".join(f"{line.removeprefix('$ ')}\n" for line in console.splitlines() if line.startswith("$ "))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with EngineProcess.start(tmp_path_factory.mktemp("data")) as engine:
        yield engine


@pytest.fixture
def typed(engine, tmp_path):
    """Runs a command in an empty folder with some files; returns what it prints."""
    for name in ("flights.csv", "sales.csv"):
        (tmp_path / name).write_text(SALES)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PRISMLANE_URL": engine.url, "PATH": path}

    def run(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_python_of_the_readme(typed, tmp_path):
    code = blocks("README.md", "python", "Client()")
    told = typed(sys.executable, "-c", code, "flights.csv")
    assert "job.succeeded" in told
    assert "The data has 28 rows and 2 columns" in told
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the README uses curl and jq")
def test_curl_of_the_readme(typed, engine, tmp_path):
    script = commands(blocks("README.md", "console", "curl"))
    told = typed("bash", "-euc", script.replace("http://127.0.0.1:8700", engine.url))
    assert '"type":"job.succeeded"' in told
    assert "The data has 28 rows and 2 columns" in told
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_run_of_the_readme(typed, tmp_path):
    line = commands(blocks("README.md", "console", "prismlane run")).splitlines()[0].partition("#")[0]
    assert "The data has 28 rows and 2 columns" in typed("bash", "-euc", line)
    assert (tmp_path / "report.html").is_file()


def test_python_of_the_tutorial(typed):
    told = typed(sys.executable, "-c", blocks("docs/tutorials/first-job.md", "python", "Client()"))
    assert "28 rows: day DATE, amount DOUBLE" in told
    assert "3 job.succeeded" in told
