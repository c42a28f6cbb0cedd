import os
import signal

import pytest
from engine_watch import child_of, computing, events_of, live_workers, owner_of, reasons_of, types_of

from prismlane.common.errors import JobFailedError

pytestmark = pytest.mark.faults


def test_g4_a_job_whose_child_is_killed_is_tried_again_and_succeeds_once(engine, client):
    job = computing(client.submit("sleep", seconds=4))
    worker = owner_of(engine, job)
    os.kill(child_of(engine, worker["pid"]), signal.SIGKILL)
    job.result(60)
    failed = [data for type_, data in events_of(job) if type_ == "attempt.failed"]
    assert [data["error"]["facts"]["signal"] for data in failed] == ["SIGKILL"]
    assert failed[0]["error"]["code"] == "child-died"
    assert job.view.n_attempts == 2
    assert live_workers(engine)[worker["id"]] == worker["pid"], "the worker itself goes on"


def test_a_job_that_kills_its_process_each_time_is_poison_after_two(client):
    job = client.submit("crash", max_attempts=10)
    with pytest.raises(JobFailedError):
        job.result(60)
    assert (job.view.reason, job.view.n_attempts) == ("poison", 2)
    assert types_of(job)[-1] == "job.failed"


def test_a_job_that_takes_all_memory_fails_and_its_neighbour_does_not(engine, client):
    workers = live_workers(engine)
    neighbour = client.submit("sleep", seconds=3)
    hog = client.submit("hog")
    with pytest.raises(JobFailedError):
        hog.result(60)
    assert hog.view.reason == "out_of_memory"
    assert hog.view.n_attempts == 1, "another try would need the same memory"
    neighbour.result(60)
    assert reasons_of(neighbour) == []
    assert live_workers(engine) == workers
