import subprocess
import sys

import pytest

import prismlane
from prismlane.client import Client, local
from prismlane.client.address import DEFAULT_URL, address_from
from prismlane.common.errors import AuthenticationError, EngineMissingError, InvalidRequestError


def modules_after(code):
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(shown.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_after("import prismlane") & {"httpx2", "pydantic", "ray", "typer", "pyarrow"}


def test_importing_the_client_loads_no_engine():
    heavy = {"ray", "duckdb", "pyarrow", "numpy", "fastapi", "typer", "prismlane.engine", "prismlane.serve"}
    assert not modules_after("import prismlane; prismlane.Client") & heavy


def test_every_name_of_the_package_is_there():
    for name in prismlane.__all__:
        assert getattr(prismlane, name)
    with pytest.raises(AttributeError, match="Clint"):
        prismlane.Clint  # noqa: B018


def test_an_embedded_engine_without_the_extra_says_what_to_install(monkeypatch):
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EngineMissingError) as caught:
        Client.local()
    assert caught.value.hint == "Install it: pip install 'prismlane[engine]'"


class Engine:
    url, api_key = "http://127.0.0.1:1", None
    n_stops = 0

    @classmethod
    def start(cls, settings=None, *, on_step=None):
        on_step("start", 0.1)
        return cls()

    def stop(self):
        type(self).n_stops += 1


def test_an_embedded_engine_ends_with_its_client_once(monkeypatch):
    monkeypatch.setattr(local, "is_engine_installed", lambda: True)
    module = type("module", (), {"LocalEngine": Engine})
    monkeypatch.setattr(local.importlib, "import_module", lambda name: module)
    steps = []
    with Client.local(on_step=lambda *step: steps.append(step)) as client:
        assert client.url == Engine.url
    client.close()
    assert steps == [("start", 0.1)]
    assert Engine.n_stops == 1


def test_the_address_comes_from_arguments_then_environment_then_default(tmp_path):
    key_file = tmp_path / "key"
    key_file.write_text("from-file\n")
    env = {"PRISMLANE_URL": "http://there:1/", "PRISMLANE_API_KEY_FILE": str(key_file)}
    assert address_from("http://here:2", "given", env) == address_from("http://here:2", "given", {})
    assert address_from(environment=env).url == "http://there:1"
    assert address_from(environment=env).api_key == "from-file"
    assert address_from(environment={**env, "PRISMLANE_API_KEY": "direct"}).api_key == "direct"
    assert address_from(environment={}).url == DEFAULT_URL


@pytest.mark.parametrize("url", ["127.0.0.1:8700", "ftp://x", "http://"])
def test_what_is_no_url_of_a_server_is_refused(url):
    with pytest.raises(InvalidRequestError, match="not the URL"):
        address_from(url, environment={})


def test_a_url_with_a_password_is_refused_without_repeating_it():
    with pytest.raises(InvalidRequestError) as caught:
        address_from("http://me:canary@host", environment={})
    assert "canary" not in str(caught.value)


def test_a_key_file_that_cannot_be_used_is_an_error(tmp_path):
    with pytest.raises(AuthenticationError, match="No such file"):
        address_from(environment={"PRISMLANE_API_KEY_FILE": str(tmp_path / "none")})
    (tmp_path / "empty").touch()
    with pytest.raises(AuthenticationError, match="is empty"):
        address_from(environment={"PRISMLANE_API_KEY_FILE": str(tmp_path / "empty")})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://host", False),
    ],
)
def test_proxies_are_never_asked_for_this_machine(url, expected):
    assert address_from(url, environment={}).is_loopback is expected
