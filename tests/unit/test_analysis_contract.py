"""What the decorator accepts, and how it says what it does not."""

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict, Field

from prismlane.common.errors import UnknownColumnError, WrongTypeError
from prismlane.engine.analyses.contract import (
    AnyColumn,
    Categorical,
    Context,
    Numeric,
    PartitionAnalysis,
    TableAnalysis,
    Temporal,
    analysis,
    check_columns,
    declared_in,
)
from prismlane.engine.data.manifest import Column


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    value: Numeric = Field(description="what is measured")
    by: tuple[Categorical, ...] = Field((), description="groups")
    at: Temporal | None = Field(None, description="when")
    other: list[AnyColumn] | None = Field(None, description="more")


class Out(BaseModel):
    n: int = 0


def table_analysis(params=Params, doc="Says something.\n\nAnd more of it."):
    class Something(TableAnalysis[params, Out]):
        __doc__ = doc

        def run(self, table: pa.Table, ctx: Context) -> Out:
            return Out()

    return Something


def declare(cls, name="something", version="1.0"):
    return analysis(name, version=version, family="descriptive", requires=["forecast"])(cls)


def test_a_declared_class_knows_all_that_the_catalogue_tells():
    cls = declare(table_analysis())
    assert (cls.name, cls.version, cls.family, cls.kind) == ("something", "1.0", "descriptive", "table")
    assert (cls.title, cls.description) == ("Says something", "And more of it.")
    assert (cls.params_model, cls.out_model, cls.requires) == (Params, Out, ("forecast",))
    assert cls in declared_in(__name__)


def test_models_are_found_through_a_base_class_between():
    class Between(PartitionAnalysis[Params, Out, Out]):
        def partial(self, part, ctx):
            return Out()

        def merge(self, a, b):
            return a

        def finish(self, state, ctx):
            return state

    class Leaf(Between):
        """Has a base between."""

    declare(Leaf, "leaf")
    assert (Leaf.params_model, Leaf.state_model, Leaf.out_model) == (Params, Out, Out)


class Loose(BaseModel):
    model_config = ConfigDict(frozen=True)


class Changeable(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Silent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    said: int = Field(description="this one")
    unsaid: int


@pytest.mark.parametrize(
    ("params", "doc", "name", "said"),
    [
        (Loose, "T.", "fine", "Loose.*refuse unknown fields"),
        (Changeable, "T.", "fine", "Changeable.*frozen"),
        (Silent, "T.", "fine", "no description: unsaid"),
        (Params, "", "fine", "no docstring"),
        (Params, "T.", "Not-Fine", "lower case"),
    ],
)
def test_what_does_not_fit_the_contract_is_a_type_error_that_says_what(params, doc, name, said):
    with pytest.raises(TypeError, match=said):
        declare(table_analysis(params, doc), name)


def test_a_missing_method_is_named():
    class Half(PartitionAnalysis[Params, Out, Out]):
        """Half done."""

        def partial(self, part, ctx):
            return Out()

    with pytest.raises(TypeError, match="Half does not define finish, merge"):
        declare(Half)


def test_a_class_without_models_is_told_how_to_name_them():
    class Bare(TableAnalysis):
        """Bare."""

        def run(self, table, ctx):
            return Out()

    with pytest.raises(TypeError, match=r"TableAnalysis\[Params, Out\]"):
        declare(Bare)


def test_roles_stand_in_the_json_schema():
    properties = Params.model_json_schema()["properties"]
    assert properties["value"]["x-prismlane-role"] == "numeric"
    assert properties["by"]["items"]["x-prismlane-role"] == "categorical"
    assert properties["at"]["anyOf"][0]["x-prismlane-role"] == "temporal"
    assert properties["other"]["anyOf"][0]["items"]["x-prismlane-role"] == "any"


COLUMNS = [
    Column("Revenue", "DOUBLE", "numeric"),
    Column("region", "VARCHAR", "categorical"),
    Column("open", "BOOLEAN", "boolean"),
    Column("day", "DATE", "temporal"),
]


def test_columns_of_the_right_roles_pass():
    check_columns(Params(value="Revenue", by=("region", "open"), at="day", other=["day"]), COLUMNS)


def test_an_unknown_column_is_told_the_closest_names():
    with pytest.raises(UnknownColumnError) as caught:
        check_columns(Params(value="revenu"), COLUMNS)
    assert caught.value.facts["closest"] == ["Revenue"]
    assert caught.value.errors[0]["pointer"] == "/value"
    assert '"Revenue"' in caught.value.hint


@pytest.mark.parametrize(
    "params", [{"value": "region"}, {"value": "Revenue", "by": ("day",)}, {"value": "Revenue", "at": "open"}]
)
def test_a_column_of_another_role_is_refused(params):
    with pytest.raises(WrongTypeError, match="takes a"):
        check_columns(Params(**params), COLUMNS)


def test_a_long_column_name_is_cut_in_the_message():
    with pytest.raises(UnknownColumnError) as caught:
        check_columns(Params(value="x" * 5_000), COLUMNS)
    assert len(caught.value.detail) < 200


def test_the_random_source_depends_on_seed_pass_and_partition_alone():
    def draw(**where):
        return Context(**where).rng.integers(0, 2**62)

    assert draw(seed=1, partition=2) == draw(seed=1, partition=2, threads=4, attempt=3)
    assert len({draw(), draw(seed=1), draw(partition=1), draw(pass_number=1)}) == 4
