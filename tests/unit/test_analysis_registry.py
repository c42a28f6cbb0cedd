"""The catalogue: what is found, what is missing, and how parameters are checked."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from prismlane.common.errors import (
    AnalysisNotFoundError,
    AnalysisUnavailableError,
    InvalidParametersError,
    UnknownColumnError,
)
from prismlane.engine.analyses.descriptive import profile
from prismlane.engine.analyses.registry import Registry, registry
from prismlane.engine.data.manifest import Column

COLUMNS = [Column("a", "BIGINT", "numeric"), Column("b", "VARCHAR", "categorical")]


@dataclass
class FakeEntryPoint:
    name: str
    loaded: Any = None
    error: Exception | None = None
    extras: list[str] = field(default_factory=list)
    n_loads: int = 0

    def load(self):
        self.n_loads += 1
        if self.error is not None:
            raise self.error
        return self.loaded


def test_the_installed_profile_is_found_by_its_entry_point():
    assert registry().get("profile") is profile.ProfileAnalysis
    assert registry() is registry()


def test_nothing_is_loaded_before_it_is_asked_for_and_once_then():
    entry = FakeEntryPoint("profile", loaded=profile)
    known = Registry(entry_points=[entry])
    assert known.names() == ["profile"]
    assert entry.n_loads == 0
    assert known.get("profile") is known.get("profile") is profile.ProfileAnalysis
    assert entry.n_loads == 1


def test_an_entry_point_may_name_the_class_itself():
    known = Registry(entry_points=[FakeEntryPoint("profile", loaded=profile.ProfileAnalysis)])
    assert known.get("profile") is profile.ProfileAnalysis


def test_extra_modules_add_their_analyses():
    assert "noop" not in Registry(entry_points=[]).names()
    known = Registry(["prismlane.testing.analyses"], entry_points=[])
    assert {"noop", "sleep", "stubborn", "fail", "crash", "hog", "row_count", "mark"} == set(known.names())


def test_an_extra_module_that_is_not_there_is_an_error_at_once():
    with pytest.raises(ImportError, match="no_such_module"):
        Registry(["no_such_module"], entry_points=[])


def test_an_unknown_name_is_told_the_closest_ones():
    with pytest.raises(AnalysisNotFoundError) as caught:
        registry().get("profil")
    assert caught.value.facts["closest"] == ["profile"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (FakeEntryPoint("f", error=ModuleNotFoundError("No module named 'x'"), extras=["forecast"]), "install prismlane[forecast]"),
        (FakeEntryPoint("f", error=ImportError("No module named 'x'")), "cannot be imported: No module named 'x'"),
        (FakeEntryPoint("f", error=TypeError("is odd")), "fails when it is loaded: TypeError: is odd"),
        (FakeEntryPoint("f", loaded=profile), "does not declare an analysis called 'f'"),
    ],
)  # fmt: skip
def test_what_cannot_be_loaded_is_shown_as_unavailable_with_the_reason(entry, said):
    known = Registry(entry_points=[FakeEntryPoint("profile", loaded=profile), entry])
    with pytest.raises(AnalysisUnavailableError) as caught:
        known.get("f")
    assert said in caught.value.hint
    missing, available = known.views()
    assert (missing.name, missing.available, missing.unavailable_because) == ("f", False, caught.value.hint)
    assert available.available


def test_a_view_tells_all_of_an_analysis():
    view = next(view for view in registry().views() if view.name == "profile")
    assert (view.family, view.kind, view.version, view.needs_dataset) == (
        "descriptive",
        "partition",
        "1.0",
        True,
    )
    assert view.title == "What is in this data, and is it usable?"
    assert view.params_schema["properties"]["bins"]["description"]
    assert view.result_schema["properties"]["columns"]


def test_defaults_are_filled_in():
    found = registry().normalise("profile", {"columns": ["b"]}, COLUMNS)
    assert found == {"columns": ["b"], "bins": 30, "max_correlated": 30}


def test_each_wrong_parameter_is_pointed_at():
    with pytest.raises(InvalidParametersError) as caught:
        registry().normalise("profile", {"bin": 3, "bins": "many", "columns": ["a", 5]}, COLUMNS)
    errors = {error["pointer"]: error["detail"] for error in caught.value.errors}
    assert errors["/bin"] == "unknown parameter; closest: bins"
    assert errors["/bins"].endswith("not 'many'")
    assert "/columns/1" in errors


def test_pointers_escape_what_json_pointers_must():
    with pytest.raises(InvalidParametersError) as caught:
        registry().normalise("profile", {"a/b~c": 1}, COLUMNS)
    assert caught.value.errors[0]["pointer"] == "/a~1b~0c"


def test_columns_are_checked_against_the_dataset():
    with pytest.raises(UnknownColumnError):
        registry().normalise("profile", {"columns": ["nope"]}, COLUMNS)


def test_an_analysis_of_data_is_refused_without_a_dataset():
    with pytest.raises(InvalidParametersError, match="needs a dataset"):
        registry().normalise("profile", {}, None)
