import asyncio
import os

import pytest

from prismlane.engine.sandbox.log_lines import LogLines


@pytest.fixture
async def pipe():
    """A log, the end to write to, and the lines that came; the log closes its own end."""
    read_fd, write_fd = os.pipe()
    lines: list[str] = []
    log = LogLines(read_fd, lines.append)
    yield log, write_fd, lines
    log.close()
    os.close(write_fd)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_lines_come_whole_also_when_written_in_parts(pipe):
    _, write_fd, lines = pipe
    os.write(write_fd, b"one\ntw")
    await until(lambda: lines == ["one"])
    os.write(write_fd, b"o\r\nthree\n")
    await until(lambda: lines == ["one", "two", "three"])


async def test_what_is_left_at_the_end_comes_too(pipe):
    log, write_fd, lines = pipe
    os.write(write_fd, b"a\n" * 50 + b"last words")
    log.close()
    assert lines[-1] == log.last[-1] == "last words"
    assert len(lines) == 51


async def test_line_without_end_is_cut(pipe):
    log, write_fd, lines = pipe
    os.write(write_fd, b"x" * 5000)
    log.close()
    assert lines == ["x" * 2000]


async def test_flood_of_lines_is_told_by_its_number(pipe):
    log, write_fd, lines = pipe
    os.write(write_fd, b"\n" * 1000)
    log.close()
    assert len(lines) == 101
    assert lines[-1] == "(900 lines left out)"


async def test_closing_twice_is_closing_once(pipe):
    log, _, _ = pipe
    log.close()
    log.close()
