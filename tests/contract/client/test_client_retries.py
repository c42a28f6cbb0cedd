import httpx2
import pytest
from pretend_gateway import Answer, PretendGateway, problem

from prismlane.client import Client
from prismlane.client._retries import Failure, RetryPolicy
from prismlane.common.errors import (
    IdempotencyMismatchError,
    InternalError,
    NotReadyError,
    OverloadedError,
    QuotaExceededError,
    ServerUnreachableError,
)

POLICY = RetryPolicy()


def delay(failure, n_retried=0, repeatable=True, jitter=1.0):
    return POLICY.delay_s(failure, n_retried=n_retried, repeatable=repeatable, jitter=jitter)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_passing_failures_are_tried_again_twice(status):
    assert [delay(Failure(status), n) for n in range(3)] == [0.25, 0.5, None]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422, 500, 507])
def test_lasting_failures_are_not_tried_again(status):
    assert delay(Failure(status)) is None


def test_retry_after_replaces_the_back_off():
    assert delay(Failure(503, retry_after_s=7)) == 7


def test_a_server_that_asks_for_a_long_pause_is_not_waited_for():
    assert delay(Failure(429, retry_after_s=3600)) is None


def test_jitter_halves_the_back_off_at_most():
    assert delay(Failure(503), jitter=0.0) == 0.125


def test_what_must_not_happen_twice_is_sent_again_only_when_it_surely_did_not_happen():
    assert delay(Failure(maybe_done=True), repeatable=False) is None
    assert delay(Failure(503), repeatable=False) is None
    assert delay(Failure(maybe_done=False), repeatable=False) == 0.25
    assert delay(Failure(429), repeatable=False) == 0.25


@pytest.fixture
def gateway():
    return PretendGateway()


@pytest.fixture
def client(gateway):
    with Client("http://127.0.0.1:1", transport=gateway.transport()) as client:
        client._transport.sleep = client.slept = Slept()
        yield client


class Slept(list):
    def __call__(self, seconds):
        self.append(seconds)


def test_a_submit_that_is_sent_again_carries_the_same_key(client, gateway):
    gateway.first = [httpx2.ReadError("cut"), problem(NotReadyError())]
    job = client.submit("profile")
    assert job.id in gateway.jobs
    assert len({asked.headers["idempotency-key"] for asked in gateway.asked}) == 1
    assert len(gateway.asked) == 3
    assert len(client.slept) == 2


def test_two_submits_carry_different_keys(client, gateway):
    client.submit("profile")
    client.submit("profile")
    assert len({asked.headers["idempotency-key"] for asked in gateway.asked}) == 2


def test_the_pause_that_the_server_asks_for_is_made(client, gateway):
    gateway.first = [problem(QuotaExceededError("queue full"), **{"Retry-After": "3"})]
    client.submit("profile")
    assert client.slept == [3.0]


def test_after_the_last_try_the_servers_own_error_is_raised(client, gateway):
    gateway.first = [problem(OverloadedError("shedding load"), **{"Retry-After": "2"})] * 3
    with pytest.raises(OverloadedError, match="shedding load") as caught:
        client.jobs.get("job_0_x")
    assert caught.value.retry_after_s == 2
    assert caught.value.request_id == "req_test"
    assert len(gateway.asked) == 3


def test_a_refusal_is_raised_at_once(client, gateway):
    gateway.first = [problem(IdempotencyMismatchError())]
    with pytest.raises(IdempotencyMismatchError):
        client.submit("profile", idempotency_key="k")
    assert len(gateway.asked) == 1


def test_a_cancel_whose_answer_was_lost_is_not_sent_again(client, gateway):
    job = client.jobs.get(gateway.add_job())
    gateway.first = [httpx2.ReadError("cut")]
    with pytest.raises(ServerUnreachableError):
        job.cancel()
    assert [asked.path for asked in gateway.asked].count(f"/v1/jobs/{job.id}:cancel") == 1


def test_an_upload_that_never_left_is_sent_again_whole(client, gateway):
    gateway.first = [httpx2.ConnectError("refused")]
    client.datasets.add(b"a\n1\n", name="x.csv")
    assert gateway.asked[-1].body == b"a\n1\n"


def test_a_stream_that_cannot_be_rewound_is_sent_once(client, gateway, tmp_path):
    class Pipe:
        def read(self, n):
            return b""

    gateway.first = [httpx2.ConnectError("refused")]
    with pytest.raises(ServerUnreachableError):
        client.datasets.add(Pipe(), name="x.csv")
    assert len(gateway.asked) == 1


def test_a_plain_text_503_of_a_proxy_is_overload(client, gateway):
    gateway.first = [Answer(503, "Service Unavailable")] * 3
    with pytest.raises(OverloadedError, match="Service Unavailable"):
        client.jobs.get("job_0_x")


def test_an_answer_of_something_else_is_told_as_such(client, gateway):
    gateway.first = [Answer(200, "<html>It works!</html>", {"Content-Type": "text/html"})]
    with pytest.raises(InternalError, match="does not speak the API"):
        client.jobs.get("job_0_x")
