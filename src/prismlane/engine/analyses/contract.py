"""The plug-in contract: what an analysis is, and what it is given.

Three kinds. A *partition* analysis is an algebra: `partial` computes a mergeable state from each partition, `merge` joins
two states, `finish` makes the result; it may visit the partitions several times. A *group* analysis is called once for
each group or series; a *table* analysis is called once with the whole table.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from prismlane.common.wire import Chart, Exactness, Family, Finding, Table
from prismlane.engine.analyses.declaration import (
    check_class,
    check_name,
    check_params,
    models_of,
    title_and_description,
)
from prismlane.engine.analyses.roles import AnyColumn, Categorical, Numeric, Temporal, check_columns

__all__ = [
    "Analysis",
    "AnyAnalysis",
    "AnyColumn",
    "Categorical",
    "Context",
    "GroupAnalysis",
    "Kind",
    "Monitor",
    "Numeric",
    "PartitionAnalysis",
    "TableAnalysis",
    "Temporal",
    "analysis",
    "check_columns",
    "declared_in",
]

Kind = Literal["partition", "group", "table"]

ParamsT = TypeVar("ParamsT", bound=BaseModel)
StateT = TypeVar("StateT", bound=BaseModel)
OutT = TypeVar("OutT", bound=BaseModel)


class Monitor(Protocol):
    """The analysis's line to whoever watches it."""

    def check(self) -> None:
        """Return at once, or raise CancelledByRequestError or DeadlineExceededError."""
        ...

    def progress(self, share: float, phase: str) -> None:
        """Tell how much of this call is done (`share`, 0 to 1); the latest word wins."""
        ...


@dataclass(slots=True)
class Context:
    """What a call of an analysis is given besides its data.

    `seed`, `pass_number` and `partition` make `rng`, so that results do not depend on which worker ran what.
    """

    seed: int = 0
    pass_number: int = 0
    partition: int = 0
    n_rows: int = 0
    threads: int = 1
    #: Merged states of the passes before this one, in order: models of the analysis (as bytes until the runner reads them).
    earlier: Sequence[Any] = ()
    monitor: Monitor | None = None
    #: The job's attempt and fence, for effects outside that have to be made safe against a second run.
    attempt: int = 1
    fence: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def rng(self) -> np.random.Generator:
        """A fresh generator that depends on seed, pass and partition alone."""
        return np.random.default_rng([self.seed, self.pass_number, self.partition])

    def check(self) -> None:
        """Call at least once a batch: raises when the job was cancelled or is late."""
        if self.monitor is not None:
            self.monitor.check()

    def progress(self, share: float, phase: str = "") -> None:
        """Tell how much of this call is done (0 to 1)."""
        if self.monitor is not None:
            self.monitor.progress(share, phase)

    def warn(self, text: str) -> None:
        """Add a sentence to the result's warnings, once."""
        if text not in self.warnings:
            self.warnings.append(text)


class Analysis(ABC, Generic[ParamsT, OutT]):
    """Base of the three kinds. The class attributes are set by the `@analysis` decorator."""

    name: ClassVar[str]
    version: ClassVar[str]
    family: ClassVar[Family]
    kind: ClassVar[Kind]
    title: ClassVar[str]
    description: ClassVar[str] = ""
    #: How it computes, with the source of the method.
    method: ClassVar[str] = ""
    #: One line on how exact results are; `exactness` tells of one result.
    promised_exactness: ClassVar[str] = "exact"
    #: Name of the extra whose packages the analysis imports, if any.
    requires: ClassVar[Sequence[str]] = ()
    needs_dataset: ClassVar[bool] = True
    params_model: ClassVar[type[BaseModel]]
    out_model: ClassVar[type[BaseModel]]
    #: How many times the partitions are visited.
    n_passes: ClassVar[int] = 1

    def __init__(self, params: ParamsT) -> None:
        self.params = params

    def columns(self, schema: Mapping[str, str]) -> list[str]:
        """The columns of `schema` (name to DuckDB type) that the analysis reads; all by default."""
        return list(schema)

    def exactness(self, out: OutT) -> Exactness:
        """How exact `out` is."""
        return Exactness()

    def summary(self, out: OutT) -> dict[str, Any]:
        """The few values that a list or a terminal shows."""
        return {}

    def findings(self, out: OutT) -> list[Finding]:
        """What is worth knowing, most important first; every number in a text stands in `out` too."""
        return []

    def tables(self, out: OutT) -> list[Table]:
        """The result as small tables."""
        return []

    def charts(self, out: OutT) -> list[Chart]:
        """The result as charts of at most 5,000 marks each."""
        return []

    def assumptions(self, out: OutT) -> list[str]:
        """What was checked, or taken for granted."""
        return []


class PartitionAnalysis(Analysis[ParamsT, OutT], Generic[ParamsT, StateT, OutT]):
    """An analysis whose state can be computed partition by partition and merged.

    `merge` is associative and commutative, and the state of an empty partition is its identity, up to the rounding of
    floating-point sums; states are always merged in the order of their partitions, so results are equal bit for bit.
    """

    kind = "partition"
    state_model: ClassVar[type[BaseModel]]

    @abstractmethod
    def partial(self, part: pa.Table, ctx: Context) -> StateT:
        """The state of one partition; `ctx.earlier` holds the merged states of earlier passes."""

    @abstractmethod
    def merge(self, a: StateT, b: StateT) -> StateT:
        """The state of the rows of `a` and `b` together."""

    @abstractmethod
    def finish(self, state: StateT, ctx: Context) -> OutT:
        """The result, from the merged state of the last pass and `ctx.earlier`."""


class GroupAnalysis(Analysis[ParamsT, OutT], Generic[ParamsT, OutT]):
    """An analysis that looks at each group or series by itself."""

    kind = "group"

    @abstractmethod
    def group_by(self, schema: Mapping[str, str]) -> list[str]:
        """The columns whose values name the groups; none: the whole table is one group."""

    @abstractmethod
    def each(self, key: tuple[Any, ...], group: pa.Table, ctx: Context) -> BaseModel:
        """The result of one group."""

    @abstractmethod
    def collect(self, results: Mapping[tuple[Any, ...], BaseModel], ctx: Context) -> OutT:
        """The result of all groups, which come in the order of their keys."""


class TableAnalysis(Analysis[ParamsT, OutT], Generic[ParamsT, OutT]):
    """An analysis that needs the whole table at once."""

    kind = "table"

    @abstractmethod
    def run(self, table: pa.Table, ctx: Context) -> OutT:
        """The result."""


AnyAnalysis = PartitionAnalysis[Any, Any, Any] | GroupAnalysis[Any, Any] | TableAnalysis[Any, Any]

AnalysisT = TypeVar("AnalysisT", bound=type[Analysis[Any, Any]])

#: Every declared class by (module, name), in order of declaration.
_DECLARED: dict[tuple[str, str], type[AnyAnalysis]] = {}


def analysis(
    name: str,
    *,
    version: str,
    family: Family,
    requires: Sequence[str] = (),
    needs_dataset: bool = True,
    exactness: str = "exact",
    method: str = "",
) -> Callable[[AnalysisT], AnalysisT]:
    """Declare a class as the analysis `name`.

    The title is the first line of the class's docstring, the description the rest; the models of parameters, state and
    result are the class's generic arguments.

    Args:
        name: lower case letters, digits and `_`; what jobs call it.
        version: changes whenever results may change: cached results and states are known by it.
        family: which of the four questions it answers.
        requires: extras of its distribution whose packages it imports.
        needs_dataset: False for one that computes from its parameters alone.
        exactness: one line on how exact results are.
        method: how it computes, with the source of the method.

    Raises:
        TypeError: the class or its models do not fit the contract; says what and where.
    """

    def declare(cls: AnalysisT) -> AnalysisT:
        check_name(name, version)
        check_class(cls)
        models = models_of(cls, Analysis)
        check_params(cls, models[0])
        cls.name, cls.version, cls.family = name, version, family
        cls.requires, cls.needs_dataset = tuple(requires), needs_dataset
        cls.promised_exactness, cls.method = exactness, method
        cls.title, cls.description = title_and_description(cls)
        cls.params_model, cls.out_model = models[0], models[-1]
        if issubclass(cls, PartitionAnalysis):
            cls.state_model = models[1]
        _DECLARED[cls.__module__, name] = cls  # type: ignore[assignment]  # one of the three kinds by check_class
        return cls

    return declare


def declared_in(module: str) -> list[type[AnyAnalysis]]:
    """The analyses that `module` declares, in order."""
    return [cls for (declared, _), cls in _DECLARED.items() if declared == module]
