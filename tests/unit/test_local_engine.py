import socket
import sys
from types import ModuleType

import pytest

from prismlane.common.errors import InvalidRequestError, NotReadyError, StoreInUseError, UnsafeBindError
from prismlane.common.settings import DataSettings, EngineSettings, ServerSettings
from prismlane.engine.storage.directory_lock import DirectoryLock
from prismlane.serve.engine import LocalEngine


@pytest.fixture
def ray_session(monkeypatch):
    """A stand-in for the module that imports Ray."""
    module = ModuleType("prismlane.serve.ray_session")
    module.stopped = []
    module.stop_all = module.stopped.append
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("prismlane.serve.ray_session", module, raising=False)
    monkeypatch.setattr("prismlane.serve.ray_environment.prepare", lambda *_: None)
    return module


@pytest.fixture
def settings(tmp_path):
    return EngineSettings.load(data={"directory": tmp_path}, server={"port": 0})


def test_a_ray_that_does_not_start_is_told_in_our_words_and_cleaned_up(ray_session, settings):
    def start_ray(*_):
        raise Exception("The current node timed out during startup.")  # noqa: TRY002 - as Ray does

    ray_session.start_ray = start_ray
    with pytest.raises(NotReadyError, match="Ray did not start: The current node timed out"):
        LocalEngine.start(settings)
    assert len(ray_session.stopped) == 1


def test_a_taken_port_is_told_before_anything_starts(ray_session, settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = settings.model_copy(update={"server": settings.server.model_copy(update={"port": port})})
        with pytest.raises(InvalidRequestError, match=str(port)):
            LocalEngine.start(busy)
    assert ray_session.stopped == []


def test_an_address_for_others_without_a_key_is_refused(ray_session, settings):
    public = settings.model_copy(update={"server": settings.server.model_copy(update={"host": "0.0.0.0"})})
    with pytest.raises(UnsafeBindError):
        LocalEngine.start(public)


def test_a_second_engine_on_a_data_directory_is_refused_before_anything_starts(tmp_path):
    steps = []
    settings = EngineSettings(data=DataSettings(directory=tmp_path), server=ServerSettings(port=0))
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StoreInUseError, match="pid"):
        LocalEngine.start(settings, on_step=lambda name, took_s: steps.append(name))
    lock.release()
    assert steps == []
