"""Cancelling jobs, wherever they are in their lives."""

from event_streams import end_of, follow, running


def test_queued_job_is_cancelled_at_once(http, submit):
    job = submit("noop", not_before="2099-01-01T00:00:00Z")
    cancelled = http.post(f"{job['links']['self']}:cancel", json={"reason": "not needed"})
    assert cancelled.status_code == 200
    assert cancelled.json()["state"] == "cancelled"
    last = [frame for frame in follow(http, job["id"]) if frame.seq][-1]
    assert last.data["type"] == "job.cancelled"
    assert last.data["data"]["reason"] == "not needed"


def test_g7_running_job_ends_cancelled_soon_after_it_is_asked(http, submit):
    job = submit("sleep", {"seconds": 600})
    running(http, job["id"])
    asked = http.post(f"{job['links']['self']}:cancel")
    assert asked.status_code == 200
    assert asked.json()["state"] in ("cancelling", "cancelled")
    ended = end_of(http, job["id"])
    assert (ended["state"], ended["result_hash"], ended["n_attempts"]) == ("cancelled", None, 1)


def test_g7_job_that_does_not_listen_is_ended_by_force(http, submit):
    job = submit("stubborn", {"seconds": 600})
    running(http, job["id"])
    assert http.post(f"{job['links']['self']}:cancel", json={"mode": "force"}).status_code == 200
    assert end_of(http, job["id"])["state"] == "cancelled"


def test_g7_job_that_does_not_listen_is_ended_after_the_grace(http, submit):
    job = submit("stubborn", {"seconds": 600})
    running(http, job["id"])
    assert http.post(f"{job['links']['self']}:cancel", json={"grace_s": 0.2}).status_code == 200
    assert end_of(http, job["id"])["state"] == "cancelled"


def test_second_cancel_says_the_same(http, submit):
    job = submit("noop", not_before="2099-01-01T00:00:00Z")
    first = http.post(f"{job['links']['self']}:cancel")
    second = http.post(f"{job['links']['self']}:cancel")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()


def test_g6_ended_job_cannot_be_cancelled(http, submit):
    job = submit("noop", wait_s=30)
    refused = http.post(f"{job['links']['self']}:cancel")
    assert refused.status_code == 409
    assert refused.json()["code"] == "invalid-transition"
    assert http.get(job["links"]["self"]).json()["state"] == "succeeded"
