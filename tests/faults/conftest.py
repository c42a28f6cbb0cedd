"""Fixtures of the tests that kill, stop and starve processes of their own."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sandbox_targets
from engine_watch import QUICK, live_workers, until

from prismlane.client import Client
from prismlane.engine.sandbox.child_process import ChildProcess, Limits
from prismlane.testing.engine_process import EngineProcess

MIB = 1 << 20
TARGETS = {
    name: f"sandbox_targets:{name}" for name, value in vars(sandbox_targets).items() if callable(value)
}


@pytest.fixture
def log() -> list[str]:
    """The lines that the test's children wrote."""
    return []


@pytest.fixture
async def make_child(tmp_path, log) -> AsyncIterator[Callable[..., ChildProcess]]:
    """Makes child processes that are closed, and leave no scratch directory, when the test ends."""
    made = []

    def make(*, preload=(), grace_s=10.0, max_answer_bytes=64 * MIB, **limits) -> ChildProcess:
        child = ChildProcess(
            Limits(**{"memory_bytes": 256 * MIB, **limits}),
            TARGETS,
            tmp_path / "scratch",
            preload=preload,
            on_log=log.append,
            grace_s=grace_s,
            max_answer_bytes=max_answer_bytes,
        )
        made.append(child)
        return child

    yield make
    for child in made:
        await child.close()
    assert not list((tmp_path / "scratch").glob("*"))


@pytest.fixture
async def child(make_child) -> ChildProcess:
    """A child that is up, without heavy modules."""
    child = make_child()
    await child.start()
    return child


@pytest.fixture(scope="session")
def engine(tmp_path_factory) -> Iterator[EngineProcess]:
    """One engine for all tests that harm a part of it: each leaves it whole."""
    with EngineProcess.start(tmp_path_factory.mktemp("engine"), settings=QUICK) as engine:
        yield engine


@pytest.fixture
def client(engine) -> Iterator[Client]:
    """A client of the engine, which has both of its workers again when the test ends."""
    with Client(engine.url) as client:
        yield client
        until(lambda: len(live_workers(engine)) == 2, "both workers are back")


@pytest.fixture(scope="session")
def table(tmp_path_factory) -> Path:
    """A Parquet file of six partitions."""
    path = tmp_path_factory.mktemp("tables") / "numbers.parquet"
    numbers = pa.table({"number": np.arange(6 * 200_000), "half": np.arange(6 * 200_000) / 2})
    pq.write_table(numbers, path, row_group_size=200_000)
    return path
