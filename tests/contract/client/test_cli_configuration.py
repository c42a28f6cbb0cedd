import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismlane.cli.configuration import load_configuration
from prismlane.cli.global_options import hoisted
from prismlane.cli.messages import Messages, error_text
from prismlane.cli.parameters import labels_from, parameters_from
from prismlane.cli.text import cell, printable, size
from prismlane.common.errors import ForbiddenError, InvalidRequestError, PrismlaneError


def load(tmp_path, flags=None, environment=None):
    return load_configuration(
        flags or {}, environment=environment or {}, directory=tmp_path, user_file=tmp_path / "user.toml"
    )


def test_nearer_places_win(tmp_path):
    (tmp_path / "user.toml").write_text(
        '[client]\nurl = "http://user"\noutput = "json"\napi_key_file = "k"\n'
    )
    (tmp_path / "prismlane.toml").write_text(
        '[client]\nurl = "http://project"\noutput = "ndjson"\n[server]\nport = 1\n'
    )
    env = {"PRISMLANE_URL": "http://env"}
    found = load(tmp_path, {"url": "http://flag"}, env)
    assert (found.url.value, found.url.origin) == ("http://flag", "flag")
    assert load(tmp_path, {}, env).url.origin == "environment"
    found = load(tmp_path)
    assert (found.url.value, found.output.value, found.api_key_file.value) == (
        "http://project",
        "ndjson",
        "k",
    )
    (tmp_path / "prismlane.toml").unlink()
    assert load(tmp_path).url.value == "http://user"
    (tmp_path / "user.toml").unlink()
    assert load(tmp_path).is_default_url


def test_an_unknown_key_is_an_error_with_a_near_one(tmp_path):
    (tmp_path / "prismlane.toml").write_text('[client]\nurll = "x"\n')
    with pytest.raises(InvalidRequestError, match='unknown key "urll"') as caught:
        load(tmp_path)
    assert caught.value.hint == "closest: url"


@pytest.mark.parametrize("content", ["[client", "client = 3", "[client]\nurl = 3", b"\xff"])
def test_a_file_that_does_not_fit_is_an_error(tmp_path, content):
    path = tmp_path / "prismlane.toml"
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    with pytest.raises(InvalidRequestError, match=r"prismlane\.toml"):
        load(tmp_path)


def test_an_unknown_output_is_an_error(tmp_path):
    with pytest.raises(InvalidRequestError, match="yaml"):
        load(tmp_path, {"output": "yaml"})


def test_a_project_file_cannot_send_the_users_key_to_another_machine(tmp_path):
    (tmp_path / "prismlane.toml").write_text('[client]\nurl = "http://evil.example"\n')
    for environment in ({"PRISMLANE_API_KEY": "k"}, {"PRISMLANE_API_KEY_FILE": "k"}):
        with pytest.raises(ForbiddenError, match=r"http://evil\.example"):
            load(tmp_path, environment=environment).refuse_to_leak_the_key(is_loopback=False)
    load(tmp_path).refuse_to_leak_the_key(is_loopback=False)
    load(tmp_path, environment={"PRISMLANE_API_KEY": "k"}).refuse_to_leak_the_key(is_loopback=True)
    confirmed = {"PRISMLANE_API_KEY": "k", "PRISMLANE_URL": "http://evil.example"}
    load(tmp_path, environment=confirmed).refuse_to_leak_the_key(is_loopback=False)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("jobs list --json", "--json jobs list"),
        ("jobs list -o json --limit 3 -vv", "-o json -vv jobs list --limit 3"),
        ("jobs --output=json list", "--output=json jobs list"),
        ("run profile x -P --json --url u", "--url u run profile x -P --json"),
        ("run -- --json", "run -- --json"),
        ("jobs list --url", "--url jobs list"),
    ],
)
def test_global_options_are_found_wherever_they_stand(given_, expected):
    assert hoisted(given_.split()) == expected.split()


@given(st.lists(st.sampled_from(["a", "--json", "-o", "-P", "--", "-v", "--x=1"])))
def test_no_word_of_a_command_is_lost(words):
    assert sorted(hoisted(words)) == sorted(words)


SCHEMA = {
    "properties": {
        "columns": {"anyOf": [{"type": "array"}, {"type": "null"}]},
        "name": {"type": "string"},
        "zone": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "mode": {"$ref": "#/$defs/Mode"},
        "n": {"type": "integer"},
    },
    "$defs": {"Mode": {"type": "string", "enum": ["1", "2"]}},
}


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("columns=a,b", ["a", "b"]),
        ("columns=a", ["a"]),
        ('columns=["a,b"]', ["a,b"]),
        ("columns=null", None),
        ("columns=1,2", ["1", "2"]),
        ("name=123", "123"),
        ("name=null", "null"),
        ("zone=null", None),
        ("mode=1", "1"),
        ("n=3", 3),
        ("n=many", "many"),
        ("unknown=true", True),
        ("unknown=a=b,c", "a=b,c"),
    ],
)
def test_a_parameter_is_read_as_the_schema_says(pair, value):
    (found,) = parameters_from([pair], SCHEMA).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("pairs", [["n"], ["=3"], ["n=1", "n=2"]])
def test_a_parameter_that_is_none_is_refused(pairs):
    with pytest.raises(InvalidRequestError):
        parameters_from(pairs, SCHEMA)


def test_labels_are_texts():
    assert labels_from(["team=a=b", "n=1"]) == {"team": "a=b", "n": "1"}
    with pytest.raises(InvalidRequestError):
        labels_from(["team"])


def test_an_error_is_told_as_a_person_reads_it():
    wrong = [{"pointer": "/params/top", "detail": "too large"}]
    error = PrismlaneError("what", hint="one\ntwo", errors=wrong, retry_after_s=3)
    assert error_text(error) == (
        "error[error]: what\n    one\n    two\n    /params/top: too large\n    try again in 3 s"
    )


def test_quiet_tells_errors_only(capsys):
    messages = Messages(verbosity=-1)
    messages.say("chatter")
    messages.error(PrismlaneError("what"))
    assert capsys.readouterr().err == "error[error]: what\n"


def test_texts_are_fit_for_a_terminal():
    assert printable("a\x1b[31m\tb\n\x9b") == "a\\x1b[31m\tb\n\\x9b"
    assert [cell(None), cell(True), cell("a\nb")] == ["", "yes", "a b"]
    assert [size(0), size(999), size(31_053_850), size(2 * 10**15)] == [
        "0 B",
        "999 B",
        "31.1 MB",
        "2000.0 TB",
    ]


def test_help_loads_nothing_that_it_does_not_need():
    code = "import sys; sys.argv = ['prismlane', '--help']; from prismlane.cli.main import main\ntry: main()\nfinally: print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"httpx2", "rich", "ray", "prismlane.client", "prismlane.common.wire", "platformdirs"}
    assert not heavy & set(shown.stdout.split())
