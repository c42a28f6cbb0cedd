import os

import pytest

from prismlane.common.errors import InvalidRequestError, UnsafeBindError
from prismlane.common.settings import EngineSettings

KEY = "k" * 16


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in os.environ:
        if name.startswith("PRISMLANE_"):
            monkeypatch.delenv(name)


def test_a_group_is_set_by_single_variables(monkeypatch):
    monkeypatch.setenv("PRISMLANE_SERVER__PORT", "9000")
    server = EngineSettings.load().server
    assert (server.port, server.host) == (9000, "127.0.0.1")


def test_what_is_handed_over_wins_over_the_environment_value_by_value(monkeypatch):
    monkeypatch.setenv("PRISMLANE_SERVER__PORT", "9000")
    monkeypatch.setenv("PRISMLANE_SERVER__FRONT", "haproxy")
    server = EngineSettings.load(server={"port": 9001}).server
    assert (server.port, server.front) == (9001, "haproxy")


def test_the_key_comes_from_the_file_that_a_variable_names(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("PRISMLANE_AUTH__API_KEY_FILE", str(tmp_path / "key"))
    assert EngineSettings.load().auth.api_key.get_secret_value() == KEY


def test_the_key_itself_wins_over_a_file_with_one(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("another key than it")
    monkeypatch.setenv("PRISMLANE_AUTH__API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("PRISMLANE_AUTH__API_KEY", KEY)
    assert EngineSettings.load().auth.api_key.get_secret_value() == KEY


def test_a_file_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PRISMLANE_AUTH__API_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(InvalidRequestError, match="gone"):
        EngineSettings.load()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PRISMLANE_SERVER__PORT", "70000"),
        ("PRISMLANE_SERVER__PROT", "8700"),
        ("PRISMLANE_AUTH__API_KEY", "short"),
        ("PRISMLANE_WORKER__N_WORKERS", "none"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidRequestError) as raised:
        EngineSettings.load()
    assert [problem["pointer"] for problem in raised.value.errors] == [variable]


def test_an_address_for_others_needs_a_key():
    with pytest.raises(UnsafeBindError):
        EngineSettings.load(server={"host": "0.0.0.0"}).check_bind()
    EngineSettings.load(server={"host": "0.0.0.0"}, auth={"api_key": KEY}).check_bind()


def test_settings_survive_the_way_to_an_actor(monkeypatch):
    settings = EngineSettings.load(auth={"api_key": KEY}, server={"port": 9000})
    assert EngineSettings(**settings.to_dict()) == settings
