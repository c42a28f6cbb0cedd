"""The `profile` analysis: what is in a dataset, and is it usable?"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.wire import Chart, Exactness, Finding, Table
from prismlane.engine.analyses.contract import AnyColumn, Context, PartitionAnalysis, analysis
from prismlane.engine.analyses.descriptive.profile_charts import charts_of
from prismlane.engine.analyses.descriptive.profile_correlation import correlated_columns
from prismlane.engine.analyses.descriptive.profile_findings import findings_of
from prismlane.engine.analyses.descriptive.profile_finish import column_profile, correlations
from prismlane.engine.analyses.descriptive.profile_first_pass import first_pass
from prismlane.engine.analyses.descriptive.profile_output import Profile
from prismlane.engine.analyses.descriptive.profile_second_pass import second_pass
from prismlane.engine.analyses.descriptive.profile_state import ProfileState
from prismlane.engine.analyses.descriptive.profile_tables import tables_of
from prismlane.engine.analyses.descriptive.profile_warnings import warnings_of
from prismlane.engine.analyses.sketches.distinct import ERROR as DISTINCT_ERROR


class ProfileParams(BaseModel):
    """What to profile, and how finely."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[AnyColumn, ...] | None = Field(
        None, min_length=1, description="columns to profile; all by default"
    )
    bins: int = Field(30, ge=5, le=200, description="most bins of a histogram")
    max_correlated: int = Field(
        30, ge=0, le=200, description="number columns, from the first, whose pairs are correlated"
    )


@analysis(
    "profile",
    version="1.0",
    family="descriptive",
    exactness="exact, but for distinct counts above 10,000 (2.7 % rms)",
    method=(
        "Two passes. Every distinct value is counted while a column has at most 10,000. Beyond that: central moments merged "
        "by Chan, Golub & LeVeque (1979) and Pébay (2008); quantiles counted exactly between bounds that the first pass "
        "gives; frequent values from Misra & Gries (1982) candidates counted exactly (those in more than 1 of 1,001 rows); distinct "
        "values by DuckDB's HyperLogLog. Pearson correlations over the rows where both columns have a value. Skewness and "
        "kurtosis are G1 and G2 (excess), corrected for the sample's size; quantiles interpolate linearly (type 7)."
    ),
)
class ProfileAnalysis(PartitionAnalysis[ProfileParams, ProfileState, Profile]):
    """What is in this data, and is it usable?

    Counts, ranges, moments, quantiles, frequent values, histograms and correlations of all columns, and warnings about
    columns that are empty, constant, key-like, skewed, or numbers kept as text.
    """

    n_passes = 2

    def columns(self, schema: Mapping[str, str]) -> list[str]:
        """The columns asked for, each once, or all."""
        return list(dict.fromkeys(self.params.columns or schema))

    def partial(self, part: pa.Table, ctx: Context) -> ProfileState:
        """Counts and summaries of the first pass, or what the second one counts exactly."""
        if not ctx.earlier:
            names = self.columns({field.name: str(field.type) for field in part.schema})
            return first_pass(part, names, ctx)
        return second_pass(part, ctx.earlier[0], self.params.bins, self.params.max_correlated, ctx)

    def merge(self, a: ProfileState, b: ProfileState) -> ProfileState:
        """The state of the rows of both."""
        return a.merge(b)

    def finish(self, state: ProfileState, ctx: Context) -> Profile:
        """The profile, from the merged states of both passes."""
        first: ProfileState = ctx.earlier[0]
        columns = [
            column_profile(column, refined, first.n_rows, self.params.bins)
            for column, refined in zip(first.columns, state.refined, strict=True)
        ]
        pairs = correlations(first, state, self.params.max_correlated)
        varying = correlated_columns(first, len(columns))
        chosen = correlated_columns(first, self.params.max_correlated)
        n_cells, n_null = first.n_rows * len(columns), sum(column.n_null for column in columns)
        return Profile(
            n_rows=first.n_rows,
            n_columns=len(columns),
            n_cells=n_cells,
            n_null=n_null,
            null_share=n_null / n_cells if n_cells else 0.0,
            columns=columns,
            correlated_columns=[first.columns[number].name for number in chosen],
            n_left_uncorrelated=len(varying) - len(chosen),
            correlations=pairs,
            warnings=warnings_of(columns, pairs),
        )

    def exactness(self, out: Profile) -> Exactness:
        """Exact unless a distinct count or a quantile had to be estimated; says which."""
        errors = [] if all(column.distinct_exact for column in out.columns) else [DISTINCT_ERROR]
        worst = max(
            (quantile.rank_error for column in out.columns for quantile in column.quantiles), default=0
        )
        if worst:
            errors.append(f"quantiles: ranks wrong by at most {worst:,} of {out.n_rows:,} rows")
        return Exactness(kind="sketch", error="; ".join(errors)) if errors else Exactness()

    def summary(self, out: Profile) -> dict[str, Any]:
        """Size and nulls."""
        return {
            "n_rows": out.n_rows,
            "n_columns": out.n_columns,
            "n_null": out.n_null,
            "null_share": out.null_share,
        }

    def findings(self, out: Profile) -> list[Finding]:
        """An overview, the gravest warnings, the strongest correlation."""
        return findings_of(out)

    def tables(self, out: Profile) -> list[Table]:
        """Columns, numbers, correlations, frequent values."""
        return tables_of(out)

    def charts(self, out: Profile) -> list[Chart]:
        """Nulls, correlations, histograms, frequent values."""
        return charts_of(out)

    def assumptions(self, out: Profile) -> list[str]:
        """How values were read, and what was left out."""
        said = ["Statistics leave out nulls, and NaN and infinite values, which are counted apart."]
        if any(column.type.startswith("DECIMAL") for column in out.columns):
            said.append("DECIMAL and HUGEINT columns are profiled as 64-bit floats.")
        if out.n_left_uncorrelated:
            said.append(
                f"Correlations cover the first {len(out.correlated_columns)} number columns; {out.n_left_uncorrelated} more are left out."
            )
        if any(column.kind == "text" and not column.distinct_exact for column in out.columns):
            said.append("Text columns with more than 10,000 values were not checked for duplicates by case.")
        return said
