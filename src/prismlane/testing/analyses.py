"""Analyses for tests and benchmarks. They are in no catalogue unless this module is named as an extra module."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.errors import AnalysisError, RetryableAnalysisError
from prismlane.engine.analyses.contract import Context, PartitionAnalysis, TableAnalysis, analysis

_POLL_S = 0.01
_BLOCK_BYTES = 16 * 1024 * 1024


class TestParams(BaseModel):
    """Base of the parameters here: fixed, and known."""

    __test__ = False
    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(BaseModel):
    """An empty result."""


@analysis("noop", version="1.0", family="descriptive", needs_dataset=False)
class Noop(TableAnalysis[TestParams, Nothing]):
    """Do nothing and return at once."""

    def run(self, table: pa.Table, ctx: Context) -> Nothing:
        """Return an empty result."""
        return Nothing()


class SleepParams(TestParams):
    """How long to sleep."""

    seconds: float = Field(1.0, ge=0, le=3600, description="seconds to sleep")


class Slept(BaseModel):
    """What was asked for, so that equal jobs have equal results."""

    seconds: float


@analysis("sleep", version="1.0", family="descriptive", needs_dataset=False)
class Sleep(TableAnalysis[SleepParams, Slept]):
    """Sleep, and end soon after a cancel."""

    def run(self, table: pa.Table, ctx: Context) -> Slept:
        """Sleep in steps of 10 ms with a check between them."""
        started = time.monotonic()
        ctx.check()
        while (passed := time.monotonic() - started) < self.params.seconds:
            ctx.progress(passed / self.params.seconds, "sleeping")
            time.sleep(min(_POLL_S, self.params.seconds - passed))
            ctx.check()
        return Slept(seconds=self.params.seconds)


@analysis("stubborn", version="1.0", family="descriptive", needs_dataset=False)
class Stubborn(TableAnalysis[SleepParams, Slept]):
    """Keep the interpreter busy and never ask whether the job was cancelled."""

    def run(self, table: pa.Table, ctx: Context) -> Slept:
        """Spin for the given seconds."""
        started = time.monotonic()
        while time.monotonic() - started < self.params.seconds:
            pass
        return Slept(seconds=self.params.seconds)


class FailParams(TestParams):
    """How to fail."""

    kind: Literal["permanent", "retryable", "unexpected"] = Field(
        "permanent", description="AnalysisError, RetryableAnalysisError or ValueError"
    )
    message: str = Field("It was asked to fail.", description="the error's message")
    until_attempt: int | None = Field(
        None, ge=1, description="fail in attempts before this one and succeed in it; always fail by default"
    )


@analysis("fail", version="1.0", family="descriptive", needs_dataset=False)
class Fail(TableAnalysis[FailParams, Nothing]):
    """Raise an error of a chosen kind."""

    def run(self, table: pa.Table, ctx: Context) -> Nothing:
        """Raise, unless the attempt is late enough."""
        if _has_come(ctx.attempt, self.params.until_attempt):
            return Nothing()
        if self.params.kind == "unexpected":
            raise ValueError(self.params.message)
        if self.params.kind == "retryable":
            raise RetryableAnalysisError(self.params.message)
        raise AnalysisError(self.params.message)


class CrashParams(TestParams):
    """How to die."""

    how: Literal["exit", "kill"] = Field("kill", description="leave by os._exit(3), or by SIGKILL to itself")
    until_attempt: int | None = Field(
        None, ge=1, description="die in attempts before this one and succeed in it; always die by default"
    )


@analysis("crash", version="1.0", family="descriptive", needs_dataset=False)
class Crash(TableAnalysis[CrashParams, Nothing]):
    """Take down the process that runs it."""

    def run(self, table: pa.Table, ctx: Context) -> Nothing:
        """End the process without a word, unless the attempt is late enough."""
        if _has_come(ctx.attempt, self.params.until_attempt):
            return Nothing()
        if self.params.how == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("the process outlived SIGKILL")


class HogParams(TestParams):
    """How far to go."""

    max_bytes: int = Field(
        64 * 1024**3, ge=0, description="bytes after which it fails because no limit stopped it"
    )


@analysis("hog", version="1.0", family="descriptive", needs_dataset=False)
class Hog(TableAnalysis[HogParams, Nothing]):
    """Take more and more memory until something stops it."""

    def run(self, table: pa.Table, ctx: Context) -> Nothing:
        """Allocate and touch blocks of 16 MiB; an AnalysisError if `max_bytes` could be had."""
        blocks: list[np.ndarray] = []
        while len(blocks) * _BLOCK_BYTES < self.params.max_bytes:
            blocks.append(np.ones(_BLOCK_BYTES, dtype=np.uint8))
        raise AnalysisError(f"Nothing stopped it from taking {len(blocks) * _BLOCK_BYTES:,} bytes.")


class RowCountParams(TestParams):
    """How slowly to count."""

    seconds: float = Field(0.0, ge=0, le=3600, description="seconds to sleep in each partition")
    record_path: str | None = Field(
        None, description="file to which each partition adds a line `<partition> <attempt>`"
    )


class RowCount(BaseModel):
    """A number of rows; also the state."""

    n_rows: int = 0


@analysis("row_count", version="1.0", family="descriptive")
class RowCountAnalysis(PartitionAnalysis[RowCountParams, RowCount, RowCount]):
    """Count rows, partition by partition."""

    def columns(self, schema: Mapping[str, str]) -> list[str]:
        """The first column alone: it is enough to count rows."""
        return list(schema)[:1]

    def partial(self, part: pa.Table, ctx: Context) -> RowCount:
        """The rows of one partition, after the sleep."""
        # A sandbox has no file to write to but its log.
        sys.stderr.write(f"row_count: partition {ctx.partition} attempt {ctx.attempt}\n")
        sys.stderr.flush()
        if self.params.record_path:
            _append_line(Path(self.params.record_path), f"{ctx.partition} {ctx.attempt}")
        until = time.monotonic() + self.params.seconds
        ctx.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(_POLL_S, left))
            ctx.check()
        return RowCount(n_rows=part.num_rows)

    def merge(self, a: RowCount, b: RowCount) -> RowCount:
        """The sum."""
        return RowCount(n_rows=a.n_rows + b.n_rows)

    def finish(self, state: RowCount, ctx: Context) -> RowCount:
        """The sum itself."""
        return state


class MarkParams(TestParams):
    """Where to leave the mark."""

    path: str = Field(description="file to which a line is added")
    line: str = Field("ran", max_length=1000, description="the line")


@analysis("mark", version="1.0", family="descriptive", needs_dataset=False)
class Mark(TableAnalysis[MarkParams, Nothing]):
    """Add a line to a file, so that a test can count how often it ran."""

    def run(self, table: pa.Table, ctx: Context) -> Nothing:
        """Append the line in one write."""
        _append_line(Path(self.params.path), self.params.line)
        return Nothing()


def _has_come(attempt: int, until: int | None) -> bool:
    return until is not None and attempt >= until


def _append_line(path: Path, line: str) -> None:
    """One write in append mode: lines of several processes do not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
