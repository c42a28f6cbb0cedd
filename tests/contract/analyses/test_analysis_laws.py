"""Every analysis keeps the laws, and the laws notice who does not."""

from typing import ClassVar

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.errors import PrismlaneError
from prismlane.common.wire import Evidence, Finding
from prismlane.engine.analyses.contract import (
    Context,
    PartitionAnalysis,
    TableAnalysis,
    analysis,
    declared_in,
)
from prismlane.engine.analyses.descriptive.profile import ProfileAnalysis
from prismlane.testing import analyses as kit
from prismlane.testing.laws import check_analysis, hard_tables

PARAMS = {"sleep": {"seconds": 0.0}, "stubborn": {"seconds": 0.0}, "hog": {"max_bytes": 0}}
#: They end the process.
DEADLY = {"crash"}


def test_profile_keeps_the_laws():
    check_analysis(ProfileAnalysis)


def test_profile_keeps_the_laws_where_columns_have_too_many_values_to_keep(monkeypatch):
    monkeypatch.setattr("prismlane.engine.analyses.descriptive.profile_state.MAX_EXACT", 20)
    monkeypatch.setattr("prismlane.engine.analyses.descriptive.profile_text.MAX_EXACT", 20)
    tables = {"mixed": hard_tables()["mixed"], "one row": hard_tables()["one row"]}
    check_analysis(ProfileAnalysis, tables=tables)


@pytest.mark.parametrize("cls", [cls for cls in declared_in(kit.__name__) if cls.name not in DEADLY])
def test_analyses_of_the_kit_keep_the_laws(cls, tmp_path):
    params = {"path": str(tmp_path / "marks")} if cls.name == "mark" else PARAMS.get(cls.name, {})
    check_analysis(cls, params=params)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    seconds: float = Field(0, description="not used")


class Total(BaseModel):
    total: int = 0


class RowTotal(PartitionAnalysis[Params, Total, Total]):
    """Counts rows, and is broken in one way by each subclass."""

    def partial(self, part: pa.Table, ctx: Context) -> Total:
        ctx.check()
        return Total(total=part.num_rows)

    def merge(self, a: Total, b: Total) -> Total:
        return Total(total=a.total + b.total)

    def finish(self, state: Total, ctx: Context) -> Total:
        return state


@analysis("forgets_the_second", version="1", family="descriptive")
class ForgetsTheSecond(RowTotal):
    """Merges wrong."""

    def merge(self, a, b):
        return a


@analysis("counts_partitions", version="1", family="descriptive")
class CountsPartitions(RowTotal):
    """Has no identity."""

    def partial(self, part, ctx):
        ctx.check()
        return Total(total=part.num_rows + 1)


@analysis("depends_on_the_order", version="1", family="descriptive")
class DependsOnTheOrder(RowTotal):
    """Weighs the first more, unless parts are equal."""

    def merge(self, a, b):
        return Total(total=a.total + b.total + (a.total > b.total > 0))


@analysis("never_checks", version="1", family="descriptive")
class NeverChecks(RowTotal):
    """Cannot be cancelled."""

    def partial(self, part, ctx):
        return Total(total=part.num_rows)


@analysis("swallows", version="1", family="descriptive")
class Swallows(RowTotal):
    """Goes on after a cancel."""

    def partial(self, part, ctx):
        try:
            ctx.check()
        except PrismlaneError:
            return Total()
        return Total(total=part.num_rows)


@analysis("differs", version="1", family="descriptive")
class Differs(TableAnalysis[Params, Total]):
    """Gives another result each time."""

    calls: ClassVar[list[int]] = []

    def run(self, table, ctx):
        ctx.check()
        self.calls.append(1)
        return Total(total=len(self.calls))


@analysis("invents", version="1", family="descriptive")
class Invents(RowTotal):
    """Says a number that is not in its output."""

    def findings(self, out):
        return [Finding(text="There are 12 rows.", evidence=[Evidence(pointer="/total", value=12)])]


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (ForgetsTheSecond, "partitions merged in order give the whole"),
        (CountsPartitions, "partitions merged in order give the whole"),
        (NeverChecks, "never called ctx.check"),
        (Swallows, "swallowed"),
        (Differs, "the same seed gives the same result"),
        (Invents, "evidence stands in the output"),
        (DependsOnTheOrder, "partitions merged"),
    ],
)
def test_a_broken_analysis_is_told_which_law_it_breaks(cls, said):
    with pytest.raises(AssertionError, match=said):
        check_analysis(cls)


def test_an_analysis_that_computes_long_without_a_check_is_told_so():
    with pytest.raises(AssertionError, match=r"stubborn.*never called ctx\.check"):
        check_analysis(
            next(cls for cls in declared_in(kit.__name__) if cls.name == "stubborn"), params={"seconds": 0.12}
        )


def test_a_state_above_its_promised_size_is_refused():
    with pytest.raises(AssertionError, match="more than 100"):
        check_analysis(ProfileAnalysis, max_state_bytes=100)


def test_the_message_names_analysis_table_and_place():
    with pytest.raises(AssertionError, match=r'forgets_the_second: .* table "mixed": /total is'):
        check_analysis(ForgetsTheSecond)
