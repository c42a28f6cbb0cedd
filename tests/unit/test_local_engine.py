import pytest

from prismlane.common.errors import StoreInUseError
from prismlane.common.settings import DataSettings, EngineSettings, ServerSettings
from prismlane.engine.storage.directory_lock import DirectoryLock
from prismlane.serve.engine import LocalEngine


def test_a_second_engine_on_a_data_directory_is_refused_before_anything_starts(tmp_path):
    steps = []
    settings = EngineSettings(data=DataSettings(directory=tmp_path), server=ServerSettings(port=0))
    lock = DirectoryLock(tmp_path)
    with pytest.raises(StoreInUseError, match="pid"):
        LocalEngine.start(settings, on_step=lambda name, took_s: steps.append(name))
    lock.release()
    assert steps == []
