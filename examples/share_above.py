"""An analysis of one's own, as docs/how-to/write-an-analysis.md explains it."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.wire import Evidence, Finding
from prismlane.engine.analyses.contract import Context, Numeric, PartitionAnalysis, analysis


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    column: Numeric = Field(description="the column to look at")
    threshold: float = Field(0.0, allow_inf_nan=False, description="values above it are counted")


class State(BaseModel):
    n_values: int = 0
    n_above: int = 0


class Out(BaseModel):
    n_values: int = Field(description="values that are not null")
    n_above: int = Field(description="of these, the ones above the threshold")
    share: float | None = Field(description="n_above / n_values; null where there are no values")


@analysis("share_above", version="1.0", family="descriptive")
class ShareAbove(PartitionAnalysis[Params, State, Out]):
    """How many values of a column lie above a threshold?"""

    def columns(self, schema: Mapping[str, str]) -> list[str]:
        return [self.params.column]

    def partial(self, part: pa.Table, ctx: Context) -> State:
        ctx.check()
        values = part[self.params.column].cast(pa.float64()).drop_null()
        n_above = pc.sum(pc.greater(values, self.params.threshold)).as_py()
        return State(n_values=len(values), n_above=n_above or 0)

    def merge(self, a: State, b: State) -> State:
        return State(n_values=a.n_values + b.n_values, n_above=a.n_above + b.n_above)

    def finish(self, state: State, ctx: Context) -> Out:
        share = state.n_above / state.n_values if state.n_values else None
        return Out(n_values=state.n_values, n_above=state.n_above, share=share)

    def findings(self, out: Out) -> list[Finding]:
        if out.share is None:
            return []
        text = f"{out.n_above} of {out.n_values} values of {self.params.column} are above {self.params.threshold:g}."
        return [
            Finding(
                text=text,
                column=self.params.column,
                evidence=[
                    Evidence(pointer="/n_above", value=out.n_above),
                    Evidence(pointer="/n_values", value=out.n_values),
                ],
            )
        ]
