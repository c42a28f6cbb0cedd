"""The result of a profile."""

from typing import Literal

from pydantic import BaseModel, Field

from prismlane.engine.analyses.descriptive.profile_columns import ColumnKind

WarningCode = Literal[
    "all_null",
    "constant",
    "unique",
    "high_null",
    "skewed",
    "leading_zeros",
    "duplicate_case",
    "numbers_as_text",
    "padded",
    "non_finite",
    "correlated",
    "not_profiled",
]


class Quantile(BaseModel):
    """A quantile, interpolated between neighbours as numpy does by default (Hyndman & Fan's type 7)."""

    p: float = Field(description="share of the rows that are not above it, 0 to 1")
    value: float
    rank_error: int = Field(0, description="rows by which its rank may be wrong; 0: it is exact")


class TopValue(BaseModel):
    """A frequent value."""

    value: float | int | str | bool
    n: int = Field(description="rows that have it")
    share: float = Field(description="share of the column's values, 0 to 1")


class Histogram(BaseModel):
    """Rows in bins. A bin holds its lower edge but not its upper one; the last bin holds both."""

    edges: list[float] = Field(description="(n + 1) rising; of times, milliseconds since the epoch")
    counts: list[int] = Field(description="(n) rows")


class TextProfile(BaseModel):
    """What the texts of a column look like. Lengths are in characters."""

    min_length: int
    mean_length: float
    max_length: int
    n_empty: int
    n_padded: int = Field(description="texts with blanks before or after")
    n_numeric: int = Field(description="texts that read as a number")
    n_leading_zero: int = Field(description="texts of digits alone that begin with 0 and go on")
    n_duplicate_case: int | None = Field(
        None,
        description="values that equal another but for case or blanks; unknown where not all are counted",
    )


class ColumnProfile(BaseModel):
    """One column. Statistics speak of the values that are neither null, NaN nor infinite."""

    name: str
    type: str
    kind: ColumnKind
    n: int = Field(description="rows with a value that is not null, NaN or infinite")
    n_null: int
    null_share: float = Field(description="0 to 1")
    n_nan: int = 0
    n_infinite: int = 0
    distinct: int | None = Field(None, description="distinct values")
    distinct_exact: bool = Field(True, description="False: estimated, 2.7 % rms")
    minimum: float | int | str | None = None
    maximum: float | int | str | None = None
    mean: float | None = None
    sd: float | None = Field(None, description="of the sample (divisor n - 1)")
    skewness: float | None = Field(None, description="G1, corrected for the sample's size")
    kurtosis: float | None = Field(None, description="G2, excess, corrected for the sample's size")
    quantiles: list[Quantile] = []
    quantile_times: list[str] = Field([], description="of a time column: its quantiles as ISO 8601")
    n_zero: int | None = None
    n_negative: int | None = None
    n_true: int | None = None
    n_false: int | None = None
    top: list[TopValue] = Field([], description="at most 10, most frequent first")
    histogram: Histogram | None = None
    text: TextProfile | None = None


class Correlation(BaseModel):
    """Pearson's r of two columns, over the rows where both have a value."""

    a: str
    b: str
    r: float
    n: int = Field(description="rows it stands on")


class ColumnWarning(BaseModel):
    """Something about a column that may mislead who uses it."""

    code: WarningCode
    column: str
    #: JSON pointer to the number in this output that it rests on.
    pointer: str
    value: float | int
    text: str


class Profile(BaseModel):
    """What is in a dataset."""

    n_rows: int
    n_columns: int
    n_cells: int
    n_null: int = Field(description="nulls over all cells")
    null_share: float = Field(description="nulls over all cells, 0 to 1")
    columns: list[ColumnProfile]
    correlated_columns: list[str] = Field([], description="the columns whose pairs were correlated")
    n_left_uncorrelated: int = Field(0, description="varying number columns beyond `max_correlated`")
    correlations: list[Correlation] = Field([], description="each pair once, where r is defined")
    warnings: list[ColumnWarning] = []
