import pytest
from pretend_gateway import PretendGateway, event, sse

from prismlane.cli.messages import Messages
from prismlane.cli.watching import wait_for_end
from prismlane.client import Client


@pytest.fixture
def gateway():
    return PretendGateway()


@pytest.fixture
def job(gateway, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    id_ = gateway.add_job()
    told = [event(id_, 1, "job.accepted"), sse("progress", {"done": 3, "total": 8, "phase": "pass 1 of 2"})]
    gateway.streams = [[*told, sse("end", {})]]
    with Client("http://127.0.0.1:1", transport=gateway.transport()) as client:
        yield client.jobs.get(id_)


def asked_for_events(gateway):
    return any(asked.path.endswith("/events") for asked in gateway.asked)


def test_on_a_terminal_a_bar_shows_how_far_the_job_is(job, gateway, capsys):
    wait_for_end(job, Messages(color="always"))
    shown = capsys.readouterr()
    assert "pass 1 of 2" in shown.err
    assert "3/8" in shown.err
    assert shown.out == ""
    assert job.state == "succeeded"


@pytest.mark.parametrize(
    "messages", [Messages(), Messages(verbosity=-1, color="always")], ids=["piped", "quiet"]
)
def test_elsewhere_nothing_moves(job, gateway, capsys, messages):
    wait_for_end(job, messages)
    assert capsys.readouterr().err == ""
    assert not asked_for_events(gateway)
    assert job.state == "succeeded"


def test_on_a_dumb_terminal_nothing_moves(job, gateway, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    wait_for_end(job, Messages(color="always"))
    assert capsys.readouterr().err == ""
