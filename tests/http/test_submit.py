"""What a client that submits a job is told."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
from event_streams import end_of

from prismlane.common import wire


def test_submit_is_accepted_with_an_address_and_a_time_to_come_back(http):
    answer = http.post("/v1/jobs", json={"analysis": "sleep", "params": {"seconds": 0.2}, "seed": 7})
    assert answer.status_code == 202
    job = wire.JobView.model_validate(answer.json())
    assert answer.headers["location"] == f"/v1/jobs/{job.id}" == job.links["self"]
    assert answer.headers["retry-after"] == "1"
    assert (job.analysis, job.params, job.seed) == ("sleep", {"seconds": 0.2}, 7)
    assert not job.state.is_terminal
    assert http.get(answer.headers["location"]).json()["id"] == job.id


def test_submit_that_may_wait_is_answered_with_the_end(http):
    answer = http.post("/v1/jobs", json={"analysis": "noop"}, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200
    job = answer.json()
    assert job["state"] == "succeeded"
    assert "retry-after" not in answer.headers
    assert http.get(job["links"]["result"]).status_code == 200


def test_wait_that_is_too_short_is_answered_with_the_job_as_it_is(http):
    body = {"analysis": "sleep", "params": {"seconds": 60}}
    answer = http.post("/v1/jobs", json=body, headers={"Prefer": "respond-async, wait=1"})
    assert answer.status_code == 202
    assert answer.json()["state"] in ("queued", "running")
    cancelled = http.post(f"{answer.headers['location']}:cancel", json={"mode": "force"})
    assert cancelled.status_code == 200


def test_defaults_are_filled_in_and_shown(submit):
    job = submit("fail", {"kind": "permanent"})
    assert job["params"] == {"kind": "permanent", "message": "It was asked to fail.", "until_attempt": None}
    assert (job["priority"], job["max_attempts"], job["run_timeout_s"]) == (5, 3, 3600)


def test_g2_same_key_and_body_are_the_same_job(http):
    body = {"analysis": "noop", "labels": {"team": "blue"}}
    headers = {"Idempotency-Key": "order-1", "Prefer": "wait=30"}
    first = http.post("/v1/jobs", json=body, headers=headers)
    again = http.post("/v1/jobs", json={"labels": {"team": "blue"}, "analysis": "noop"}, headers=headers)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.status_code == 200
    assert again.json() == first.json()


def test_g2_same_key_with_another_body_is_refused(http):
    headers = {"Idempotency-Key": "order-2"}
    assert http.post("/v1/jobs", json={"analysis": "noop"}, headers=headers).status_code == 202
    refused = http.post("/v1/jobs", json={"analysis": "noop", "seed": 1}, headers=headers)
    assert refused.status_code == 422
    assert refused.json()["code"] == "idempotency-mismatch"


def test_g2_many_equal_submits_at_once_are_one_job(http, engine):
    body = {"analysis": "noop", "labels": {"asked": "at once"}}

    def post(_) -> httpx2.Response:
        return httpx2.post(
            f"{engine.url}/v1/jobs", json=body, headers={"Idempotency-Key": "order-3"}, timeout=60
        )

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(post, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    listed = http.get("/v1/jobs", params={"label": "asked:at once"}).json()["jobs"]
    assert len(listed) == 1


def test_unchanged_job_is_not_sent_again(http, submit):
    job = submit("noop", wait_s=30)
    first = http.get(job["links"]["self"])
    assert first.headers["etag"] == f'W/"{job["version"]}"'
    again = http.get(job["links"]["self"], headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_job_for_a_later_time_waits_for_it_and_one_with_a_deadline_expires(http, submit):
    later = submit("noop", not_before="2099-01-01T00:00:00Z", queue_deadline="2020-01-01T00:00:00Z")
    assert later["state"] in ("scheduled", "expired")
    assert end_of(http, later["id"])["state"] == "expired"
