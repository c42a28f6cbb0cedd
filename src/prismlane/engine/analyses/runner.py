"""Runs analyses: what a child process calls for one partition, one merge, one result, or the whole of a small job.

A state travels as bytes: one line of JSON that says which analysis and which versions made it, and what it warned of, then
the state as JSON (fields in the order of the model; arrays inside may be base64). Equal states are equal bytes.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any, TypeVar

import duckdb
import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from prismlane.common.errors import AnalysisError, TooLargeError
from prismlane.common.version import VERSION
from prismlane.common.wire import Chart, DatasetRef, Result
from prismlane.engine.analyses.contract import (
    Analysis,
    AnyAnalysis,
    Context,
    GroupAnalysis,
    PartitionAnalysis,
    TableAnalysis,
)
from prismlane.engine.analyses.groups import split
from prismlane.engine.analyses.registry import registry

MAX_FINDINGS = 7
MAX_MARKS = 5_000
MAX_RESULT_BYTES = 32 * 1024 * 1024
NO_ROWS = pa.table({})

Params = Mapping[str, Any]
Part = Callable[[], pa.Table]
KindT = TypeVar("KindT")


def columns_needed(name: str, params: Params, schema: Mapping[str, str]) -> list[str]:
    """The columns of `schema` (name to DuckDB type) that the analysis reads with these parameters."""
    return _analysis(name, params).columns(schema)


def run_partial(name: str, params: Params, part: pa.Table, ctx: Context) -> bytes:
    """The state of one partition. `ctx.earlier` holds the merged states of earlier passes, as bytes or as models."""
    analysis = _partition_analysis(name, params)
    own = replace(ctx, earlier=_decoded(analysis, ctx.earlier), n_rows=part.num_rows, warnings=[])
    return _encode(analysis, analysis.partial(part, own), own.warnings)


def run_merge(name: str, params: Params, states: Sequence[bytes]) -> bytes:
    """The states of a pass as one, merged from first to last: callers give them in the order of the partitions."""
    analysis = _partition_analysis(name, params)
    decoded = [_decode(analysis, state) for state in states]
    warnings = [text for _, warned in decoded for text in warned]
    merged = reduce(analysis.merge, (state for state, _ in decoded))
    return _encode(analysis, merged, warnings)


def run_finish(
    name: str,
    params: Params,
    state: bytes,
    earlier: Sequence[bytes],
    ctx: Context,
    dataset: DatasetRef | None,
) -> bytes:
    """The result from the merged state of the last pass and those of the passes before, as canonical JSON.

    Raises:
        TooLargeError: the result is larger than MAX_RESULT_BYTES.
    """
    analysis = _partition_analysis(name, params)
    warned = [text for each in (*earlier, state) for text in _decode(analysis, each)[1]]
    own = replace(ctx, earlier=_decoded(analysis, earlier), warnings=list(dict.fromkeys(warned)))
    return _result(analysis, analysis.finish(_decode(analysis, state)[0], own), own, dataset)


def run_whole(
    name: str, params: Params, parts: Sequence[Part], ctx: Context, dataset: DatasetRef | None
) -> bytes:
    """All of an analysis of any kind in this process, as canonical JSON: equal to what the pieces give elsewhere.

    Each of `parts` reads one partition when it is called.
    """
    analysis = _analysis(name, params)
    if isinstance(analysis, PartitionAnalysis):
        return _run_passes(analysis, parts, ctx, dataset)
    table = pa.concat_tables([read() for read in parts]) if parts else NO_ROWS
    own = replace(ctx, n_rows=table.num_rows, warnings=[])
    if isinstance(analysis, TableAnalysis):
        return _result(analysis, analysis.run(table, own), own, dataset)
    return _result(analysis, _run_groups(analysis, table, own), own, dataset)


def _run_passes(
    analysis: PartitionAnalysis[Any, Any, Any],
    parts: Sequence[Part],
    ctx: Context,
    dataset: DatasetRef | None,
) -> bytes:
    params = analysis.params.model_dump(mode="json")
    reads = parts or [lambda: NO_ROWS]
    earlier: list[bytes] = []
    for number in range(analysis.n_passes):
        states = []
        for partition, read in enumerate(reads):
            done = (number * len(reads) + partition) / (analysis.n_passes * len(reads))
            ctx.check()
            ctx.progress(done, f"pass {number + 1} of {analysis.n_passes}")
            own = replace(ctx, pass_number=number, partition=partition, earlier=earlier, monitor=_Checks(ctx))
            states.append(run_partial(analysis.name, params, read(), own))
        earlier.append(run_merge(analysis.name, params, states))
    return run_finish(analysis.name, params, earlier[-1], earlier[:-1], ctx, dataset)


class _Checks:
    """The monitor of one call among many: checks go through, its share of its own work does not."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def check(self) -> None:
        self._ctx.check()

    def progress(self, share: float, phase: str) -> None:
        """Say nothing: whoever runs all the calls tells how far they are."""


def _run_groups(analysis: GroupAnalysis[Any, Any], table: pa.Table, ctx: Context) -> BaseModel:
    schema = {field.name: str(field.type) for field in table.schema}
    groups = split(table, analysis.group_by(schema))
    results: dict[tuple[Any, ...], BaseModel] = {}
    for number, (key, group) in enumerate(groups):
        ctx.check()
        own = replace(ctx, partition=number, n_rows=group.num_rows)
        results[key] = analysis.each(key, group, own)
    collected: BaseModel = analysis.collect(results, ctx)
    return collected


def _analysis(name: str, params: Params) -> AnyAnalysis:
    cls = registry().get(name)
    return cls(cls.params_model.model_validate(dict(params)))


def _partition_analysis(name: str, params: Params) -> PartitionAnalysis[Any, Any, Any]:
    analysis = _analysis(name, params)
    if not isinstance(analysis, PartitionAnalysis):
        raise AnalysisError(f"`{name}` is a {analysis.kind} analysis and has no partitions.")
    return analysis


# --- states ---------------------------------------------------------------------------------------


def _maker(analysis: Analysis[Any, Any]) -> dict[str, str]:
    return {"analysis": analysis.name, "version": analysis.version, "duckdb": duckdb.__version__}


def _encode(analysis: Analysis[Any, Any], state: BaseModel, warnings: Sequence[str]) -> bytes:
    header = {**_maker(analysis), "warnings": list(dict.fromkeys(warnings))}
    return json.dumps(header, sort_keys=True).encode() + b"\n" + state.model_dump_json().encode()


def _decode(analysis: PartitionAnalysis[Any, Any, Any], data: bytes) -> tuple[Any, list[str]]:
    header_line, _, body = data.partition(b"\n")
    header = json.loads(header_line)
    warnings = header.pop("warnings")
    if header != _maker(analysis):
        raise AnalysisError(
            f"A kept state of `{analysis.name}` was made by other versions ({header}).",
            hint="Submit the job again.",
        )
    return analysis.state_model.model_validate_json(body), warnings


def _decoded(analysis: PartitionAnalysis[Any, Any, Any], states: Sequence[Any]) -> list[Any]:
    return [_decode(analysis, state)[0] if isinstance(state, bytes) else state for state in states]


# --- results --------------------------------------------------------------------------------------


def _result(analysis: Analysis[Any, Any], out: BaseModel, ctx: Context, dataset: DatasetRef | None) -> bytes:
    findings = sorted(analysis.findings(out), key=lambda finding: -finding.score)
    result = Result(
        analysis=analysis.name,
        analysis_version=analysis.version,
        title=analysis.title,
        findings=findings[:MAX_FINDINGS],
        summary=analysis.summary(out),
        output=out.model_dump(mode="json"),
        tables=analysis.tables(out),
        charts=[_checked(chart) for chart in analysis.charts(out)],
        warnings=list(ctx.warnings),
        assumptions=analysis.assumptions(out),
        method=analysis.method,
        exactness=analysis.exactness(out),
        params=analysis.params.model_dump(mode="json"),
        seed=ctx.seed,
        dataset=dataset,
        versions=versions(analysis),
    )
    data = canonical_json(result.model_dump(mode="json"))
    if len(data) > MAX_RESULT_BYTES:
        raise TooLargeError(
            f"The result of `{analysis.name}` has {len(data):,} bytes; at most {MAX_RESULT_BYTES:,} are kept.",
            hint="Select fewer columns.",
            facts={"n_bytes": len(data), "max_bytes": MAX_RESULT_BYTES},
        )
    return data


def versions(analysis: Analysis[Any, Any]) -> dict[str, str]:
    """The versions that the numbers of a result depend on."""
    return {
        "prismlane": VERSION,
        "analysis": analysis.version,
        "duckdb": duckdb.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
    }


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with sorted keys and no blanks; NaN and infinite numbers become null."""
    text = json.dumps(
        _finite(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _checked(chart: Chart) -> Chart:
    n_marks = _n_rows_of(chart.spec)
    if n_marks > MAX_MARKS:
        raise AnalysisError(
            f"The chart `{chart.name}` has {n_marks:,} marks; at most {MAX_MARKS:,} are drawn."
        )
    return chart


def _n_rows_of(spec: Any) -> int:
    """The rows of data in a Vega-Lite specification, over all its layers."""
    if isinstance(spec, Mapping):
        data = spec.get("data")
        values = data.get("values") if isinstance(data, Mapping) else None
        own = len(values) if isinstance(values, list) else 0
        return own + sum(_n_rows_of(item) for key, item in spec.items() if key != "data")
    if isinstance(spec, list):
        return sum(_n_rows_of(item) for item in spec)
    return 0
