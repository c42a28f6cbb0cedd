"""What tests of the command line share; imported by name, so that it costs other tests nothing."""

import os

import pytest
from pretend_gateway import GatewayServer, PretendGateway
from typer.testing import CliRunner


@pytest.fixture
def data_directory(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, data_directory):
    """A current directory, a home and an environment that nobody else wrote to."""

    for name in os.environ:
        if name.startswith("PRISMLANE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PRISMLANE_DATA__DIRECTORY", str(data_directory))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def gateway():
    return PretendGateway()


@pytest.fixture
def url(gateway, monkeypatch):
    """The address of the gateway, which the command line knows from its environment."""
    with GatewayServer(gateway) as server:
        monkeypatch.setenv("PRISMLANE_URL", server.url)
        yield server.url


@pytest.fixture
def invoke():
    from prismlane.cli.main import app

    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


class PretendEngine:
    """An engine whose API is that of a pretend gateway."""

    api_key = None

    def __init__(self, url):
        self.url = url
        self.n_stops = 0
        self.settings = None

    def start(self, settings, on_step=None):
        self.settings = settings
        if on_step:
            on_step("start Ray", 2.5)
        return self

    def stop(self):
        self.n_stops += 1


@pytest.fixture
def engine(gateway, monkeypatch):
    """An engine that the command line may start; nothing answers at its default address."""
    with GatewayServer(gateway) as server:
        engine = PretendEngine(server.url)
        monkeypatch.setattr("prismlane.client.client.start_engine", engine.start)
        monkeypatch.setattr("prismlane.cli.own_engine.start_engine", engine.start)
        monkeypatch.setenv("PRISMLANE_URL", "http://127.0.0.1:1")
        yield engine
