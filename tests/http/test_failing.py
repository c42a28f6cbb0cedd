"""Jobs that go wrong: each ends, once, and says why in words that are fit for its user."""

import json
import re

import pytest
from event_streams import end_of

MIB = 1 << 20


@pytest.fixture
def ended(http, submit, engine):
    """Submits a job and returns it as it ended; what it says must tell nothing of the server's inside."""

    def ended(analysis, params=None, **body) -> dict:
        job = end_of(http, submit(analysis, params, **body)["id"])
        told = json.dumps([job, http.get(job["links"]["events"]).json()])
        assert str(engine.data_directory) not in told
        assert not re.search(r'"(log|traceback)"|\.py\b|scratch|/tmp/|/home/', told)
        return job

    return ended


def types_of(http, job: dict) -> list[str]:
    """The types of the events of `job`."""
    return [event["type"] for event in http.get(job["links"]["events"]).json()["events"]]


def test_g3_error_of_the_analysis_is_the_end(http, ended):
    job = ended("fail", {"message": "The prices are negative."})
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "error", 1)
    assert job["error"]["code"] == "analysis-failed"
    assert job["error"]["detail"] == "The prices are negative."
    assert types_of(http, job) == ["job.accepted", "attempt.claimed", "job.failed"]


def test_unexpected_exception_is_told_by_name_and_text(ended):
    job = ended("fail", {"kind": "unexpected", "message": "no file /srv/secret/place/data.arrow"})
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "error", 1)
    assert job["error"]["detail"] == "ValueError: no file data.arrow"
    assert job["error"]["facts"] == {"exception": "ValueError"}


def test_retryable_error_is_tried_again_until_it_works(http, ended):
    job = ended("fail", {"kind": "retryable", "until_attempt": 2})
    assert (job["state"], job["n_attempts"]) == ("succeeded", 2)
    assert types_of(http, job)[2:5] == ["attempt.failed", "job.retry_due", "attempt.claimed"]


def test_g3_retryable_error_that_stays_is_the_end_after_all_attempts(ended):
    job = ended("fail", {"kind": "retryable"}, max_attempts=2)
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "error", 2)


def test_g3_job_that_takes_its_process_down_twice_is_poison(http, ended):
    job = ended("crash", max_attempts=5)
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "poison", 2)
    assert job["error"]["code"] == "child-died"
    assert job["error"]["facts"] == {"exit_code": None, "signal": "SIGKILL"}
    assert http.post("/v1/jobs", json={"analysis": "noop"}, headers={"Prefer": "wait=30"}).status_code == 200


def test_job_whose_process_dies_once_is_run_again(ended):
    job = ended("crash", {"how": "exit", "until_attempt": 2})
    assert (job["state"], job["n_attempts"]) == ("succeeded", 2)


@pytest.mark.parametrize("analysis", ["sleep", "stubborn"])
def test_g3_job_that_takes_too_long_is_timed_out(ended, analysis):
    job = ended(analysis, {"seconds": 600}, run_timeout_s=0.5)
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "timeout", 1)
    assert job["error"]["code"] == "deadline-exceeded"


def test_job_that_takes_all_memory_is_stopped_and_its_neighbours_live(ended):
    job = ended("hog", {"max_bytes": 1024 * MIB})
    assert (job["state"], job["reason"], job["n_attempts"]) == ("failed", "out_of_memory", 1)
    assert job["error"]["code"] == "out-of-memory"
    assert ended("noop")["state"] == "succeeded"
