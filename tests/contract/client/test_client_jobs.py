import pickle  # noqa: TID251 - what is under test is that objects of the client pickle
import socket

import httpx2
import pytest
from pretend_gateway import PretendGateway, event, problem, sse

from prismlane.client import Client
from prismlane.common.errors import (
    EventsGoneError,
    InternalError,
    InvalidRequestError,
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobNotFoundError,
    NotFoundError,
    NotReadyError,
    PrismlaneError,
    ServerUnreachableError,
    UnknownColumnError,
    WaitTimeoutError,
)
from prismlane.common.wire import Progress

KEY = "pl_secret_canary"


@pytest.fixture
def gateway():
    return PretendGateway()


@pytest.fixture
def client(gateway):
    with Client("http://127.0.0.1:1", KEY, transport=gateway.transport()) as client:
        client._transport.sleep = lambda seconds: None
        yield client


def test_run_submits_and_brings_the_result(client, gateway):
    result = client.run("profile", gateway.add_dataset(), top=3, seed=7)
    submitted = gateway.asked[0]
    assert submitted.json()["params"] == {"top": 3}
    assert submitted.json()["seed"] == 7
    assert submitted.headers["prefer"] == "wait=20"
    assert submitted.headers["authorization"] == f"Bearer {KEY}"
    assert result.table("columns").to_dicts() == [{"name": "a", "n": 1}, {"name": "b", "n": 2}]


def test_a_missing_table_names_those_there_are(client):
    result = client.run("profile")
    with pytest.raises(NotFoundError) as caught:
        result.table("colums")
    assert "columns" in caught.value.hint


def test_a_parameter_called_like_an_argument_goes_by_the_mapping(client, gateway):
    client.submit("profile", params={"seed": 1, "labels": "x"}, top=2)
    assert gateway.asked[0].json()["params"] == {"seed": 1, "labels": "x", "top": 2}


def test_a_parameter_given_twice_is_refused(client):
    with pytest.raises(InvalidRequestError, match="top"):
        client.submit("profile", params={"top": 1}, top=2)


def test_values_out_of_range_are_refused_before_anything_is_sent(client, gateway):
    with pytest.raises(InvalidRequestError) as caught:
        client.submit("profile", priority=11, dataset="flights.csv")
    assert {each["pointer"] for each in caught.value.errors} == {"/priority", "/dataset"}
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("state", "error"),
    [("failed", JobFailedError), ("cancelled", JobCancelledError), ("expired", JobExpiredError)],
)
def test_a_job_that_ended_without_a_result_raises_its_end(client, gateway, state, error):
    gateway.end_state = state
    job = client.submit("profile")
    with pytest.raises(error) as caught:
        job.result()
    assert caught.value.job is job
    assert caught.value.job.state == state


def test_a_failed_job_tells_why(client, gateway):
    gateway.end_state = "failed"
    gateway.end_error = UnknownColumnError('"churn" is not a column', hint="closest: churned").to_dict()
    with pytest.raises(JobFailedError, match='"churn" is not a column') as caught:
        client.run("profile")
    assert caught.value.hint == "closest: churned"
    assert isinstance(caught.value.__cause__, UnknownColumnError)


def test_a_wait_that_is_too_short_leaves_the_job_going_on(client, gateway):
    gateway.looks_until_end = 10**9
    job = client.submit("profile")
    with pytest.raises(WaitTimeoutError, match="it goes on") as caught:
        job.result(timeout=0)
    assert caught.value.job is job
    assert not job.state.is_terminal


def test_waiting_looks_until_the_job_ended(client, gateway):
    gateway.looks_until_end = 5
    assert client.submit("profile").wait(timeout=60).state == "succeeded"
    assert sum(asked.method == "GET" for asked in gateway.asked) == 6


def test_events_end_with_the_job_and_progress_is_seen_on_the_way(client, gateway):
    id_ = gateway.add_job()
    progress = sse("progress", {"done": 1, "total": 4, "phase": "pass 1 of 2"})
    gateway.streams = [[b": ping\n\n", event(id_, 1, "job.accepted"), progress, sse("end", {})]]
    job = client.jobs.get(id_)
    assert [seen.seq if not isinstance(seen, Progress) else "p" for seen in job.follow()] == [1, "p"]
    assert job.progress.total == 4


@pytest.mark.parametrize("cut", [httpx2.ReadError("cut"), httpx2.RemoteProtocolError("cut"), None])
def test_a_stream_that_breaks_off_is_taken_up_after_the_last_event(client, gateway, cut):
    id_ = gateway.add_job()
    first = [event(id_, 1, "job.accepted"), event(id_, 2, "attempt.claimed")[:40]]
    again = [event(id_, 1, "job.accepted"), event(id_, 2, "attempt.claimed"), event(id_, 3, "job.succeeded")]
    gateway.streams = [[*first, *([cut] if cut else [])], [*again, sse("end", {})]]
    assert [seen.seq for seen in client.jobs.get(id_).events()] == [1, 2, 3]
    assert gateway.asked[-1].headers["last-event-id"] == "1"


def test_a_server_that_restarts_meanwhile_is_waited_for(client, gateway):
    id_ = gateway.add_job()
    gateway.streams = [[event(id_, 1, "job.accepted"), httpx2.ReadError("cut")], [sse("end", {})]]
    events = client.jobs.get(id_).events()
    next(events)
    gateway.first = [httpx2.ConnectError("refused"), problem(NotReadyError())]
    assert list(events) == []


def test_a_server_that_does_not_come_back_is_given_up(client, gateway):
    id_ = gateway.add_job()
    job = client.jobs.get(id_)
    gateway.first = [httpx2.ConnectError("refused")] * 7
    with pytest.raises(ServerUnreachableError):
        list(job.events())
    assert gateway.first == []


def test_streams_closed_again_and_again_without_a_word_are_given_up(client, gateway):
    job = client.jobs.get(gateway.add_job())
    gateway.streams = [[] for _ in range(7)]
    with pytest.raises(ServerUnreachableError, match="7 times"):
        list(job.events())


def test_events_that_are_gone_are_an_error(client, gateway):
    job = client.jobs.get(gateway.add_job())
    gateway.first = [problem(EventsGoneError())]
    with pytest.raises(EventsGoneError):
        list(job.events())


def test_an_event_that_cannot_be_read_is_an_error(client, gateway):
    job = client.jobs.get(gateway.add_job())
    gateway.streams = [[sse("job.accepted", {"no": "event"}, 1)]]
    with pytest.raises(InternalError):
        list(job.events())


def test_a_kind_of_message_from_a_later_release_is_passed_over(client, gateway):
    job = client.jobs.get(gateway.add_job())
    gateway.streams = [[sse("weather", {"sky": "blue"}), sse("end", {})]]
    assert list(job.events()) == []


def test_the_history_of_a_job_is_read_page_by_page_without_waiting(client, gateway):
    job = client.jobs.get(gateway.add_job())
    assert [seen.seq for seen in job.history()] == [1, 2, 3]
    assert [seen.seq for seen in job.history(after=2)] == [3]


def test_cancel_takes_mode_grace_and_reason(client, gateway):
    job = client.jobs.get(gateway.add_job())
    assert job.cancel(mode="force", grace_s=1, reason="wrong file").state == "cancelled"
    assert gateway.asked[-1].json() == {"mode": "force", "grace_s": 1, "reason": "wrong file"}


def test_the_report_is_saved_as_it_came(client, gateway, tmp_path):
    report = client.jobs.get(gateway.add_job()).report()
    assert report.save(tmp_path / "r.html").read_text() == report.html


def test_jobs_are_listed_over_all_pages_in_order(client, gateway):
    ids = [gateway.add_job() for _ in range(7)]
    assert [job.id for job in client.jobs.list(page_size=3)] == ids[::-1]
    assert len(gateway.asked) == 3


def test_a_limit_asks_for_no_more_than_it_needs(client, gateway):
    for _ in range(7):
        gateway.add_job()
    assert len(list(client.jobs.list(page_size=3, limit=4))) == 4
    assert [asked.query["page_size"] for asked in gateway.asked] == [["3"], ["1"]]


def test_filters_of_jobs_are_sent(client, gateway):
    list(client.jobs.list(state=["failed", "expired"], analysis="profile", labels={"team": "a:b"}))
    query = gateway.asked[0].query
    assert query["state"] == ["failed", "expired"]
    assert query["label"] == ["team:a:b"]
    assert query["analysis"] == ["profile"]


def test_an_unknown_job_is_an_error_of_its_own(client):
    with pytest.raises(JobNotFoundError, match="there is no job"):
        client.jobs.get("job_0_none")


def test_jobs_and_errors_pickle_without_the_key(client, gateway):
    gateway.end_state = "failed"
    with pytest.raises(JobFailedError) as caught:
        client.run("profile")
    pickled = pickle.dumps(caught.value)
    assert KEY.encode() not in pickled
    error = pickle.loads(pickled)
    assert error.job.id == caught.value.job.id
    assert error.job == caught.value.job
    with pytest.raises(InvalidRequestError, match="unpickled"):
        error.job.refresh()


def test_the_key_shows_in_no_representation(client):
    shown = repr(client) + repr(client.submit("profile")) + repr(client._transport.address)
    assert KEY not in shown


def test_nothing_at_the_address_names_url_and_reason():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(url) as client:
            client._transport.sleep = lambda seconds: None
            with pytest.raises(ServerUnreachableError) as caught:
                client.jobs.get("job_0_x")
    assert str(caught.value) == f"nothing answers at {url} (connection refused)"
    assert pickle.loads(pickle.dumps(caught.value)).facts["url"] == url


def test_an_engine_that_is_not_ready_yet_is_an_answer(client, gateway):
    gateway.ready = False
    assert client.ready().ready is False
    assert len(gateway.asked) == 1


def test_every_error_of_the_wire_comes_back_as_itself(client, gateway):
    from prismlane.common.errors import ERRORS_BY_CODE

    for cls in ERRORS_BY_CODE.values():
        if cls.status in {429, 503}:  # tried again first
            continue
        gateway.first = [problem(cls("what", hint="how"))]
        with pytest.raises(PrismlaneError) as caught:
            client.jobs.get("job_0_x")
        assert (type(caught.value), caught.value.detail, caught.value.hint) == (cls, "what", "how")
