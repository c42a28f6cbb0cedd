"""The laws that every analysis keeps, ours and others': `check_analysis(MyAnalysis)` in a test holds them all.

A violation is an AssertionError that names the law, the table and the place where two results differ.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from prismlane.common.errors import CancelledByRequestError, PrismlaneError
from prismlane.engine.analyses.contract import (
    AnyAnalysis,
    Context,
    GroupAnalysis,
    PartitionAnalysis,
    TableAnalysis,
)
from prismlane.engine.analyses.groups import split
from prismlane.engine.analyses.runner import canonical_json

#: Sums of floats depend on their order in the last figures.
RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
DEFAULT_MAX_STATE_BYTES = 16 * 1024 * 1024
SEED = 7
_REFUSED = b"refused: "
#: Seconds that an analysis without a dataset may compute before its first check.
MAX_SILENT_S = 0.1


@dataclass(frozen=True, slots=True)
class _Case:
    """One analysis on one table."""

    cls: type[AnyAnalysis]
    params: BaseModel
    name: str
    table: pa.Table

    def analysis(self) -> AnyAnalysis:
        return self.cls(self.params)

    def partition_analysis(self) -> PartitionAnalysis[Any, Any, Any]:
        analysis = self.analysis()
        if not isinstance(analysis, PartitionAnalysis):
            raise TypeError(f"{self.cls.name} is not a partition analysis")
        return analysis

    def parts(self, n: int) -> list[pa.Table]:
        """`n` runs of rows that make up the table; some are empty where it has fewer rows."""
        bounds = [round(i * self.table.num_rows / n) for i in range(n + 1)]
        return [self.table.slice(low, high - low) for low, high in pairwise(bounds)]

    def where(self, law: str) -> str:
        return f'{self.cls.name}: law "{law}" is broken on the table "{self.name}"'


class _Cancelled:
    """A monitor of a job that was cancelled at its `after`-th check."""

    def __init__(self, after: int) -> None:
        self.left = after

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CancelledByRequestError("The law asked to end.")

    def progress(self, share: float, phase: str) -> None:
        """Nobody listens."""


def check_analysis(
    cls: type[AnyAnalysis],
    *,
    tables: Mapping[str, pa.Table] | None = None,
    params: Mapping[str, Any] | None = None,
    max_state_bytes: int = DEFAULT_MAX_STATE_BYTES,
) -> None:
    """Hold all laws of the contract on `cls`.

    Args:
        cls: the declared analysis.
        tables: what to run it on, by name; the module's own hard cases by default. The analysis may refuse a table with a
            PrismlaneError, but must refuse it however it is cut.
        params: its parameters, where the defaults do not do.
        max_state_bytes: the size that it promises for a merged state.

    Raises:
        AssertionError: a law is broken; says which, where, and how.
    """
    _check_described(cls)
    model = cls.params_model.model_validate(dict(params or {}))
    given = hard_tables() if tables is None else tables
    for name, table in given.items() if cls.needs_dataset else [("none", pa.table({}))]:
        case = _Case(cls, model, name, table)
        if issubclass(cls, PartitionAnalysis):
            _check_algebra(case, max_state_bytes)
        _check_deterministic(case)
        _check_told(case)
        _check_cancels(case)


def hard_tables() -> dict[str, pa.Table]:
    """The tables on which analyses tend to break: all have the same columns."""
    rng = np.random.default_rng(SEED)
    n = 500
    numbers = rng.normal(1e9, 1.0, n)
    numbers[::17] = np.nan
    numbers[5], numbers[6] = np.inf, -np.inf
    mixed = pa.table(
        {
            "number": pa.array(numbers, from_pandas=False),
            "count": pa.array([None if i % 11 == 0 else int(i % 37) for i in range(n)], pa.int64()),
            "word": pa.array([None if i % 13 == 0 else f"w{i % 29}" for i in range(n)]),
            "flag": pa.array([i % 3 == 0 for i in range(n)]),
            "at": pa.array(1_704_067_200 + 86_400 * (np.arange(n) % 28)).cast(pa.timestamp("s", "UTC")),
        }
    )
    nulls = pa.table({name: pa.nulls(40, mixed.schema.field(name).type) for name in mixed.schema.names})
    constant = pa.concat_tables([mixed.slice(1, 1)] * 40)
    return {
        "mixed": mixed,
        "all null": nulls,
        "constant": constant,
        "one row": mixed.slice(1, 1),
        "no row": mixed.slice(0, 0),
    }


def _check_described(cls: type[AnyAnalysis]) -> None:
    for label, model in (("parameters", cls.params_model), ("result", cls.out_model)):
        schema = model.model_json_schema()
        assert schema.get("type") == "object", f"{cls.name}: the schema of its {label} is no object"  # noqa: S101 - laws assert
    silent = [name for name, field in cls.params_model.model_fields.items() if not field.description]
    assert not silent, f"{cls.name}: parameters without a description: {', '.join(silent)}"  # noqa: S101 - laws assert
    assert cls.title, f"{cls.name}: its docstring has no first line"  # noqa: S101 - laws assert


# --- partition analyses ---------------------------------------------------------------------------


def _check_algebra(case: _Case, max_state_bytes: int) -> None:
    whole = _outcome(case, case.parts(1), ["in order"])["in order"]
    for n in (2, 7):
        found = _outcome(case, case.parts(n), ["in order", "reversed", "as a tree"])
        for order, outcome in found.items():
            _same(whole, outcome, case.where(f"{n} partitions merged {order} give the whole"))
    empty = case.table.slice(0, 0)
    found = _outcome(case, [empty, *case.parts(1), empty], ["in order"])
    _same(whole, found["in order"], case.where("an empty partition changes nothing"))
    _check_state(case, max_state_bytes)


def _outcome(case: _Case, parts: Sequence[pa.Table], orders: Sequence[str]) -> dict[str, Any]:
    """The result for each order of merging as JSON values, or the code of the error that refuses the table."""
    analysis = case.partition_analysis()
    try:
        first = _partials(analysis, parts, [], 0)
        return {order: _finished(analysis, parts, first, order) for order in orders}
    except PrismlaneError as error:
        return dict.fromkeys(orders, f"refused: {error.code}")


def _finished(
    analysis: PartitionAnalysis[Any, Any, Any], parts: Sequence[pa.Table], first: list[Any], order: str
) -> Any:
    states = [_merged(analysis, first, order)]
    for number in range(1, analysis.n_passes):
        states.append(_merged(analysis, _partials(analysis, parts, states, number), order))
    out = analysis.finish(states[-1], Context(seed=SEED, earlier=states[:-1]))
    return json.loads(canonical_json(out.model_dump(mode="json")))


def _partials(
    analysis: PartitionAnalysis[Any, Any, Any], parts: Sequence[pa.Table], earlier: Sequence[Any], number: int
) -> list[Any]:
    contexts = [
        Context(seed=SEED, pass_number=number, partition=i, n_rows=part.num_rows, earlier=list(earlier))
        for i, part in enumerate(parts)
    ]
    return [analysis.partial(part, ctx) for part, ctx in zip(parts, contexts, strict=True)]


def _merged(analysis: PartitionAnalysis[Any, Any, Any], states: list[Any], order: str) -> Any:
    if order == "as a tree":
        while len(states) > 1:
            states = [reduce(analysis.merge, states[i : i + 2]) for i in range(0, len(states), 2)]
        return states[0]
    return reduce(analysis.merge, reversed(states) if order == "reversed" else states)


def _check_state(case: _Case, max_state_bytes: int) -> None:
    analysis = case.partition_analysis()
    earlier: list[Any] = []
    try:
        for number in range(analysis.n_passes):
            states = _partials(analysis, case.parts(2), earlier, number)
            for state in states:
                _check_round_trip(case, analysis, state)
            merged = reduce(analysis.merge, states)
            _check_round_trip(case, analysis, merged)
            size = len(merged.model_dump_json())
            assert size <= max_state_bytes, (  # noqa: S101 - laws assert
                f"{case.where('a state stays small')}: {size:,} bytes, more than {max_state_bytes:,}"
            )
            earlier.append(merged)
    except PrismlaneError:
        return


def _check_round_trip(case: _Case, analysis: PartitionAnalysis[Any, Any, Any], state: BaseModel) -> None:
    written = state.model_dump_json()
    again = analysis.state_model.model_validate_json(written).model_dump_json()
    assert again == written, (  # noqa: S101 - laws assert
        f"{case.where('a state survives JSON')}: it was written as {written[:200]} and came back as {again[:200]}"
    )


# --- every kind -----------------------------------------------------------------------------------


def _check_deterministic(case: _Case) -> None:
    first, second = (_run(case, Context(seed=SEED)) for _ in range(2))
    law = "the same seed gives the same result"
    assert first == second, f"{case.where(law)}: {first[:200]!r} and {second[:200]!r}"  # noqa: S101 - laws assert


def _check_cancels(case: _Case) -> None:
    """What `ctx.check()` raises ends the call, at the first check and later; and there is a check where there is work."""
    if case.cls.needs_dataset and case.table.num_rows < 2:
        return
    for after in (0, 3):
        _check_cancelled_after(case, after)


def _check_cancelled_after(case: _Case, after: int) -> None:
    monitor, started = _Cancelled(after), time.monotonic()
    try:
        outcome = _run(case, Context(seed=SEED, monitor=monitor))
    except CancelledByRequestError:
        return
    law = case.where("a cancelled call ends")
    assert monitor.left >= 0, f"{law}: it swallowed what ctx.check() raised"  # noqa: S101 - laws assert
    silent = monitor.left == after and not outcome.startswith(_REFUSED)
    idle = not case.cls.needs_dataset and time.monotonic() - started < MAX_SILENT_S
    assert idle or not silent, f"{law}: it never called ctx.check()"  # noqa: S101 - laws assert


def _check_told(case: _Case) -> None:
    """What it says of a result can be made of any result, and each number it gives as evidence stands in the output."""
    try:
        out = _result(case, Context(seed=SEED))
    except PrismlaneError:
        return
    analysis = case.analysis()
    output = json.loads(canonical_json(out.model_dump(mode="json")))
    for finding in analysis.findings(out):
        for evidence in finding.evidence:
            found = _at(output, evidence.pointer)
            assert found == evidence.value, (  # noqa: S101 - laws assert
                f"{case.where('evidence stands in the output')}: {finding.text!r} says {evidence.value!r} of "
                f"{evidence.pointer}, where {found!r} stands"
            )
    canonical_json([analysis.summary(out), analysis.assumptions(out), analysis.exactness(out).model_dump()])
    canonical_json([told.model_dump(mode="json") for told in (*analysis.tables(out), *analysis.charts(out))])


def _at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            return f"nothing (no {key!r})"
    return value


def _run(case: _Case, ctx: Context) -> bytes:
    try:
        return canonical_json(_result(case, ctx).model_dump(mode="json"))
    except CancelledByRequestError:
        raise
    except PrismlaneError as error:
        return _REFUSED + error.code.encode()


def _result(case: _Case, ctx: Context) -> BaseModel:
    analysis = case.analysis()
    own = replace(ctx, n_rows=case.table.num_rows, warnings=[])
    if isinstance(analysis, TableAnalysis):
        result: BaseModel = analysis.run(case.table, own)
    elif isinstance(analysis, GroupAnalysis):
        names = analysis.group_by({field.name: str(field.type) for field in case.table.schema})
        groups = split(case.table, names)
        results = {
            key: analysis.each(key, rows, replace(own, partition=i)) for i, (key, rows) in enumerate(groups)
        }
        result = analysis.collect(results, own)
    else:
        states: list[Any] = []
        for number in range(analysis.n_passes):
            states.append(
                analysis.partial(case.table, replace(own, pass_number=number, earlier=list(states)))
            )
        result = analysis.finish(states[-1], replace(own, earlier=states[:-1]))
    return result


# --- comparing results ----------------------------------------------------------------------------


def _same(expected: Any, found: Any, law: str) -> None:
    difference = next(differences(expected, found), None)
    assert difference is None, f"{law}: {difference}"  # noqa: S101 - laws assert


def differences(expected: Any, found: Any, pointer: str = "") -> Iterator[str]:
    """Where two JSON values differ by more than the rounding of floats, one sentence each."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        for key, value in expected.items():
            yield from differences(value, found[key], f"{pointer}/{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for number, value in enumerate(expected):
            yield from differences(value, found[number], f"{pointer}/{number}")
    elif not _equal(expected, found):
        yield f"{pointer or '/'} is {str(found)[:100]}, where the whole gives {str(expected)[:100]}"


def _equal(expected: Any, found: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(expected, found, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)
    return bool(expected == found)
