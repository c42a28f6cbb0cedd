"""The states of a profile: what the two passes over a partition leave behind, and how two of them become one.

While a column has at most MAX_EXACT distinct values, its state is those values and their counts, and all else follows from
them. Beyond that it is bounded summaries. Which of the two it ends as depends on the number of distinct values in the whole
data alone, never on how they are cut into partitions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from prismlane.engine.analyses.descriptive.profile_columns import ColumnKind
from prismlane.engine.analyses.sketches.arrays import Array, add_equal
from prismlane.engine.analyses.sketches.distinct import DistinctSketch
from prismlane.engine.analyses.sketches.heavy_hitters import HeavyHitters
from prismlane.engine.analyses.sketches.moments import Moments
from prismlane.engine.analyses.sketches.quantiles import QuantileSketch
from prismlane.engine.analyses.sql import connect

#: Distinct values of a column up to which every one is counted.
MAX_EXACT = 10_000
#: Blocks of a partition's quantile sketch, and the limits of a merged one.
PARTITION_BLOCKS, MERGED_LIMIT, MERGED_BLOCKS = 2_048, 16_384, 8_192
#: Distinct values within a quantile's bracket up to which it is exact, and blocks beyond that.
BRACKET_LIMIT, BRACKET_BLOCKS = 20_000, 4_096


class Frozen(BaseModel):
    """Base of the states: values that never change."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, ser_json_inf_nan="constants")


class ValueCounts(Frozen):
    """Every distinct value in rising order, and how often it stands there."""

    values: Array
    counts: Array

    @property
    def n(self) -> int:
        """Values in all."""
        return int(self.counts.sum())


class ColumnSketch(Frozen):
    """Bounded summaries of the values of a column. Those of numbers and times alone are None for text."""

    heavy: HeavyHitters
    distinct: DistinctSketch
    minimum: int | float | None = None
    maximum: int | float | None = None
    n_zero: int = 0
    n_negative: int = 0
    moments: Moments | None = None
    quantiles: QuantileSketch | None = None

    @classmethod
    def of(cls, values: NDArray[Any], counts: NDArray[np.int64]) -> "ColumnSketch":
        """From distinct rising `values` (numbers, or objects for text) and their counts."""
        connection = connect(1)
        try:
            distinct = DistinctSketch.of(connection, values)
        finally:
            connection.close()
        heavy = HeavyHitters.of(values, counts)
        if values.dtype == object:
            return cls(heavy=heavy, distinct=distinct)
        return cls(
            heavy=heavy,
            distinct=distinct,
            minimum=values[0].item(),
            maximum=values[-1].item(),
            n_zero=int(counts[values == 0].sum()),
            n_negative=int(counts[values < 0].sum()),
            moments=Moments.of(values, counts),
            quantiles=QuantileSketch.of(values, counts, n_blocks=PARTITION_BLOCKS),
        )

    def merge(self, other: "ColumnSketch") -> "ColumnSketch":
        """The summaries of the values of both."""
        heavy, distinct = self.heavy.merge(other.heavy), self.distinct.merge(other.distinct)
        if self.moments is None or other.moments is None or self.quantiles is None or other.quantiles is None:
            return ColumnSketch(heavy=heavy, distinct=distinct)
        return ColumnSketch(
            heavy=heavy,
            distinct=distinct,
            minimum=_pick(min, self.minimum, other.minimum),
            maximum=_pick(max, self.maximum, other.maximum),
            n_zero=self.n_zero + other.n_zero,
            n_negative=self.n_negative + other.n_negative,
            moments=self.moments.merge(other.moments),
            quantiles=self.quantiles.merge(other.quantiles).shrunk(MERGED_LIMIT, MERGED_BLOCKS),
        )


class TextCounts(Frozen):
    """What was counted over the texts of a column. Lengths are in characters."""

    n: int = 0
    min_length: int | None = None
    max_length: int | None = None
    sum_length: int = 0
    n_empty: int = 0
    #: Texts with blanks before or after.
    n_padded: int = 0
    #: Texts that read as a number.
    n_numeric: int = 0
    #: Texts of digits alone that begin with 0 and go on.
    n_leading_zero: int = 0

    def merge(self, other: "TextCounts") -> "TextCounts":
        """The counts over the texts of both."""
        return TextCounts(
            n=self.n + other.n,
            min_length=_pick(min, self.min_length, other.min_length),
            max_length=_pick(max, self.max_length, other.max_length),
            sum_length=self.sum_length + other.sum_length,
            n_empty=self.n_empty + other.n_empty,
            n_padded=self.n_padded + other.n_padded,
            n_numeric=self.n_numeric + other.n_numeric,
            n_leading_zero=self.n_leading_zero + other.n_leading_zero,
        )


class ColumnState(Frozen):
    """One column after the first pass: either every value (`counts`) or summaries (`sketch`)."""

    name: str
    type: str
    kind: ColumnKind
    #: How whole numbers of a time column are read.
    unit: str = ""
    integral: bool = False
    n_null: int = 0
    n_nan: int = 0
    n_infinite: int = 0
    counts: ValueCounts | None = None
    sketch: ColumnSketch | None = None
    text: TextCounts | None = None

    def merge(self, other: "ColumnState") -> "ColumnState":
        """The state of the rows of both."""
        counts, sketch = _merged_values(self, other)
        text = self.text.merge(other.text) if self.text and other.text else None
        return self.model_copy(
            update={
                "n_null": self.n_null + other.n_null,
                "n_nan": self.n_nan + other.n_nan,
                "n_infinite": self.n_infinite + other.n_infinite,
                "counts": counts,
                "sketch": sketch,
                "text": text,
            }
        )


class BracketState(Frozen):
    """Where a quantile lies: rows below the bracket, and the values within."""

    n_below: int
    inside: QuantileSketch

    def merge(self, other: "BracketState") -> "BracketState":
        """The bracket over the rows of both."""
        inside = self.inside.merge(other.inside).shrunk(BRACKET_LIMIT, BRACKET_BLOCKS)
        return BracketState(n_below=self.n_below + other.n_below, inside=inside)


class RefinedColumn(Frozen):
    """One column after the second pass; empty where the first one told all."""

    #: In the order of the quantiles.
    brackets: list[BracketState] = []
    #: Rows of each bin of the histogram.
    bins: Array | None = None
    #: Rows of each candidate for a frequent value, in the order of the candidates.
    candidates: Array | None = None

    def merge(self, other: "RefinedColumn") -> "RefinedColumn":
        """The counts over the rows of both."""
        pairs = zip(self.brackets, other.brackets, strict=True)
        return RefinedColumn(
            brackets=[mine.merge(theirs) for mine, theirs in pairs],
            bins=_sum(self.bins, other.bins),
            candidates=_sum(self.candidates, other.candidates),
        )


class CoMoments(Frozen):
    """Sums over the rows in which both columns of a pair have a value, as flat (k * k) arrays.

    `x` is the value of the pair's first column, centred and scaled by its own mean and deviation; `y` of the second.
    """

    n: Array
    x: Array
    xx: Array
    xy: Array

    def merge(self, other: "CoMoments") -> "CoMoments":
        """The sums over the rows of both."""
        return CoMoments(n=self.n + other.n, x=self.x + other.x, xx=self.xx + other.xx, xy=self.xy + other.xy)


class ProfileState(Frozen):
    """The state of either pass: `columns` of the first, `refined` and `co_moments` of the second."""

    n_rows: int = 0
    columns: list[ColumnState] = []
    refined: list[RefinedColumn] = []
    co_moments: CoMoments | None = None

    def merge(self, other: "ProfileState") -> "ProfileState":
        """The state of the rows of both."""
        return ProfileState(
            n_rows=self.n_rows + other.n_rows,
            columns=_merged_all(self.columns, other.columns),
            refined=_merged_all(self.refined, other.refined),
            co_moments=self.co_moments.merge(other.co_moments)
            if self.co_moments and other.co_moments
            else None,
        )


def values_or_sketch(
    values: NDArray[Any], counts: NDArray[np.int64]
) -> tuple[ValueCounts | None, ColumnSketch | None]:
    """Distinct rising `values` and their counts as they are, or their summaries where there are too many."""
    if len(values) <= MAX_EXACT:
        return ValueCounts(values=values, counts=counts), None
    return None, ColumnSketch.of(values, counts)


def _merged_values(a: ColumnState, b: ColumnState) -> tuple[ValueCounts | None, ColumnSketch | None]:
    if a.counts and b.counts:
        values, counts = add_equal(
            np.concatenate((a.counts.values, b.counts.values)),
            np.concatenate((a.counts.counts, b.counts.counts)),
        )
        return values_or_sketch(values, counts)
    sketches = [sketch for sketch in (_sketch(a), _sketch(b)) if sketch is not None]
    if len(sketches) == 2:
        return None, sketches[0].merge(sketches[1])
    return None, sketches[0] if sketches else None


def _sketch(column: ColumnState) -> ColumnSketch | None:
    if column.counts is None or column.counts.n == 0:
        return column.sketch
    return ColumnSketch.of(column.counts.values, column.counts.counts)


def _merged_all(mine: Sequence[Any], theirs: Sequence[Any]) -> list[Any]:
    return [a.merge(b) for a, b in zip(mine, theirs, strict=True)]


def _pick(choose: Any, a: float | None, b: float | None) -> Any:
    known = [value for value in (a, b) if value is not None]
    return choose(known) if known else None


def _sum(a: NDArray[Any] | None, b: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if a is None or b is None else a + b
