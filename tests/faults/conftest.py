"""Fixtures of the tests that kill, stop and starve processes of their own."""

from collections.abc import AsyncIterator, Callable

import pytest
import sandbox_targets

from prismlane.engine.sandbox.child_process import ChildProcess, Limits

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
