"""What tests of the command line share; imported by name, so that it costs other tests nothing."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from pretend_gateway import GatewayServer, PretendGateway
from pydantic import BaseModel
from typer.testing import CliRunner


class Server(BaseModel):
    host: str = "127.0.0.1"
    port: int = 8700


class Data(BaseModel):
    directory: Path = Path()


class Worker(BaseModel):
    n_workers: int = 1


@pytest.fixture
def data_directory(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    return path


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path, data_directory):
    """A current directory, a home and an environment that nobody else wrote to."""

    class EngineSettings(BaseModel):
        server: Server = Server()
        data: Data = Data(directory=data_directory)
        worker: Worker = Worker()

    module = ModuleType("prismlane.common.settings")
    module.EngineSettings = EngineSettings
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(tmp_path)
    for name in (
        "PRISMLANE_URL",
        "PRISMLANE_API_KEY",
        "PRISMLANE_API_KEY_FILE",
        "PRISMLANE_OUTPUT",
        "NO_COLOR",
    ):
        monkeypatch.delenv(name, raising=False)
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
        monkeypatch.setattr("prismlane.client.local.start_engine", engine.start)
        monkeypatch.setenv("PRISMLANE_URL", "http://127.0.0.1:1")
        yield engine
