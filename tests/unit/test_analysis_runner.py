"""The pieces that a child process computes give the same bytes as the whole in one process."""

import json

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.errors import (
    AnalysisError,
    CancelledByRequestError,
    RetryableAnalysisError,
    TooLargeError,
)
from prismlane.common.wire import Chart, DatasetRef, Finding, Result
from prismlane.engine.analyses import runner
from prismlane.engine.analyses.contract import (
    Context,
    GroupAnalysis,
    PartitionAnalysis,
    TableAnalysis,
    analysis,
)
from prismlane.engine.analyses.registry import Registry
from prismlane.engine.analyses.runner import (
    canonical_json,
    columns_needed,
    run_finish,
    run_merge,
    run_partial,
    run_whole,
)
from prismlane.testing.laws import hard_tables

REF = DatasetRef(fingerprint="f" * 64, n_rows=500, n_columns=5)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    n: int = Field(1, description="how many")


class Out(BaseModel):
    n: int = 0
    seen: list[str] = []
    value: float | None = None


@analysis("warns", version="1", family="descriptive")
class Warns(PartitionAnalysis[Params, Out, Out]):
    """Warns in each partition and at the end."""

    def partial(self, part, ctx):
        ctx.warn(f"partition {ctx.partition % 2} is odd")
        return Out(n=part.num_rows)

    def merge(self, a, b):
        return Out(n=a.n + b.n)

    def finish(self, state, ctx):
        ctx.warn("the end")
        return state


@analysis("says", version="1", family="descriptive", needs_dataset=False)
class Says(TableAnalysis[Params, Out]):
    """Says `n` findings, and draws a chart of `n` marks."""

    def run(self, table, ctx):
        return Out(n=self.params.n, value=float("nan"), seen=["x" * 1000] * self.params.n)

    def findings(self, out):
        return [Finding(text=f"{i}", score=i / 100) for i in range(min(out.n, 20))]

    def charts(self, out):
        return [Chart(name="c", title="C", alt="c", spec={"layer": [{"data": {"values": [1] * out.n}}]})]


@analysis("by_word", version="1", family="descriptive")
class ByWord(GroupAnalysis[Params, Out]):
    """Counts the rows of each word."""

    def group_by(self, schema):
        return ["word", "flag"]

    def each(self, key, group, ctx):
        ctx.check()
        return Out(n=group.num_rows, seen=[str(ctx.partition)])

    def collect(self, results, ctx):
        return Out(n=len(results), seen=[f"{key}={out.n}" for key, out in results.items()])


@pytest.fixture(autouse=True)
def known(monkeypatch):
    found = Registry([__name__, "prismlane.testing.analyses"])
    monkeypatch.setattr(runner, "registry", lambda: found)


def thirds(table):
    return [table.slice(0, 100), table.slice(100, 300), table.slice(400)]


def test_pieces_and_whole_give_the_same_bytes():
    parts = thirds(hard_tables()["mixed"])
    earlier = []
    for number in range(2):
        states = [
            run_partial("profile", {}, part, Context(pass_number=number, partition=i, earlier=earlier))
            for i, part in enumerate(parts)
        ]
        earlier.append(run_merge("profile", {}, states))
    pieces = run_finish("profile", {}, earlier[1], earlier[:1], Context(), REF)
    whole = run_whole("profile", {}, [lambda part=part: part for part in parts], Context(), REF)
    assert pieces == whole
    result = Result.model_validate_json(pieces)
    assert result.dataset == REF
    assert result.params == {"columns": None, "bins": 30, "max_correlated": 30}
    assert set(result.versions) == {"prismlane", "analysis", "duckdb", "numpy", "pyarrow"}


def test_warnings_of_all_pieces_are_told_once():
    parts = [lambda part=part: part for part in thirds(hard_tables()["mixed"])]
    result = json.loads(run_whole("warns", {}, parts, Context(), REF))
    assert result["warnings"] == ["partition 0 is odd", "partition 1 is odd", "the end"]


def test_a_state_of_another_version_is_refused(monkeypatch):
    state = run_partial("row_count", {}, pa.table({"a": [1]}), Context())
    cls = runner.registry().get("row_count")
    monkeypatch.setattr(cls, "version", "2.0")
    with pytest.raises(AnalysisError, match="other versions"):
        run_merge("row_count", {}, [state])


def test_progress_and_checks_reach_the_monitor():
    class Monitor:
        def __init__(self):
            self.told, self.n_checks = [], 0

        def check(self):
            self.n_checks += 1

        def progress(self, share, phase):
            self.told.append((share, phase))

    monitor = Monitor()
    table = hard_tables()["mixed"]
    run_whole("profile", {}, [lambda: table] * 2, Context(monitor=monitor), REF)
    assert monitor.told == [
        (0.0, "pass 1 of 2"),
        (0.25, "pass 1 of 2"),
        (0.5, "pass 2 of 2"),
        (0.75, "pass 2 of 2"),
    ]
    assert monitor.n_checks > 4


def test_a_cancel_ends_the_whole():
    class Cancelled:
        def check(self):
            raise CancelledByRequestError

        def progress(self, share, phase):
            pass

    with pytest.raises(CancelledByRequestError):
        run_whole("row_count", {}, [lambda: pa.table({"a": [1]})], Context(monitor=Cancelled()), REF)


def test_groups_come_in_the_order_of_their_keys():
    table = pa.table({"word": ["b", "a", None, "b"], "flag": [True, True, False, True]})
    output = json.loads(run_whole("by_word", {}, [lambda: table], Context(), REF))["output"]
    assert output["seen"] == ["('a', True)=1", "('b', True)=2", "(None, False)=1"]


def test_findings_are_ranked_and_capped_and_nan_is_null():
    result = json.loads(run_whole("says", {"n": 20}, [], Context(seed=3), None))
    assert [finding["text"] for finding in result["findings"]] == ["19", "18", "17", "16", "15", "14", "13"]
    assert result["output"]["value"] is None
    assert result["seed"] == 3


def test_a_chart_of_too_many_marks_is_refused():
    with pytest.raises(AnalysisError, match="5,001 marks"):
        run_whole("says", {"n": 5_001}, [], Context(), None)


def test_a_result_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(runner, "MAX_RESULT_BYTES", 10_000)
    with pytest.raises(TooLargeError, match="at most 10,000 are kept"):
        run_whole("says", {"n": 100}, [], Context(), None)


def test_canonical_json_sorts_keys_and_has_no_nan():
    assert (
        canonical_json({"b": float("inf"), "a": ["ü", 1.0, (True, None)]})
        == '{"a":["ü",1.0,[true,null]],"b":null}'.encode()
    )


def test_only_the_columns_that_are_needed_are_asked_for():
    schema = {"a": "BIGINT", "b": "VARCHAR", "c": "DATE"}
    assert columns_needed("profile", {"columns": ["c", "a", "c"]}, schema) == ["c", "a"]
    assert columns_needed("profile", {}, schema) == ["a", "b", "c"]
    assert columns_needed("row_count", {}, schema) == ["a"]


def test_a_table_analysis_has_no_partitions():
    with pytest.raises(AnalysisError, match="has no partitions"):
        run_partial("noop", {}, pa.table({}), Context())


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({}, AnalysisError),
        ({"kind": "retryable"}, RetryableAnalysisError),
        ({"kind": "unexpected"}, ValueError),
    ],
)
def test_the_failing_analysis_fails_as_asked_until_its_attempt(params, error):
    with pytest.raises(error, match="asked to fail"):
        run_whole("fail", {**params, "until_attempt": 3}, [], Context(attempt=2), None)
    run_whole("fail", {**params, "until_attempt": 3}, [], Context(attempt=3), None)


def test_marks_count_executions(tmp_path):
    path = tmp_path / "marks"
    for _ in range(3):
        run_whole("mark", {"path": str(path)}, [], Context(), None)
    table = pa.table({"a": [1, 2]})
    run_whole("row_count", {"record_path": str(path)}, [lambda: table] * 2, Context(attempt=2), REF)
    assert path.read_text() == "ran\n" * 3 + "0 2\n1 2\n"
