import json
import threading

import pytest
import structlog

from prismlane.common.logs import configure_logs, logger


@pytest.fixture(autouse=True)
def _default_logs():
    yield
    structlog.reset_defaults()


def test_each_line_names_its_process_whichever_thread_writes_it(capsys):
    configure_logs("info", actor="tracker", pid="7")
    writing = threading.Thread(target=lambda: logger("part").info("said", job="j"))
    writing.start()
    writing.join()
    line = json.loads(capsys.readouterr().err)
    assert {
        "actor": "tracker",
        "pid": "7",
        "part": "part",
        "event": "said",
        "job": "j",
    }.items() <= line.items()


def test_a_line_about_another_actor_keeps_its_name(capsys):
    configure_logs("info", actor="supervisor")
    logger("part").info("replaced", actor="worker-0")
    assert json.loads(capsys.readouterr().err)["actor"] == "worker-0"


def test_secrets_are_not_logged(capsys):
    configure_logs("info")
    logger("part").info("asked", api_key="abc", token="def")
    text = capsys.readouterr().err
    assert "abc" not in text
    assert "def" not in text
