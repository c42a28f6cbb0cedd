import os
import signal
from contextlib import contextmanager

import pytest
from engine_watch import (
    child_of,
    computing,
    is_gone,
    live_workers,
    owner_of,
    parent_of,
    reasons_of,
    types_of,
    until,
)

pytestmark = pytest.mark.faults


@contextmanager
def stopped(*pids):
    """Processes that hang for the length of the block."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if not is_gone(pid):
                os.kill(pid, signal.SIGCONT)


def test_g4_a_job_whose_worker_is_killed_is_run_again_and_succeeds_once(engine, client):
    job = computing(client.submit("sleep", seconds=4))
    worker = owner_of(engine, job)
    child = child_of(engine, worker["pid"])
    os.kill(worker["pid"], signal.SIGKILL)
    until(lambda: is_gone(child), "the child dies with its worker", within_s=20)
    assert job.result(60).output == {"seconds": 4.0}
    assert reasons_of(job) == ["lost"]
    assert types_of(job).count("job.succeeded") == 1
    until(lambda: worker["id"] not in live_workers(engine), "the dead incarnation is struck off")
    until(lambda: len(live_workers(engine)) == 2, "a new incarnation is there")


def test_g5_the_late_result_of_a_worker_that_hung_is_refused(engine, client):
    job = computing(client.submit("sleep", seconds=2))
    worker = owner_of(engine, job)
    # The child goes on and finishes: its result waits in the pipe for the worker to wake up.
    with stopped(worker["pid"]):
        until(lambda: job.refresh().view.n_attempts == 2, "another worker has the job")
        second = job.view.attempt.worker
        assert second != worker["id"]
    job.result(60)
    assert reasons_of(job) == ["lost"]
    assert job.refresh().view.attempt.worker == second
    until(lambda: worker["id"] in live_workers(engine), "the worker that woke up works again")
    assert live_workers(engine)[worker["id"]] == worker["pid"]


def test_g5_a_worker_that_hangs_with_all_its_processes_is_replaced(engine, client):
    job = computing(client.submit("sleep", seconds=2))
    worker = owner_of(engine, job)
    child = child_of(engine, worker["pid"])
    with stopped(worker["pid"], parent_of(child), child):
        job.result(60)
        assert reasons_of(job) == ["lost"]
        until(lambda: is_gone(worker["pid"]), "the supervisor ends the worker that hangs")
        until(lambda: len(live_workers(engine)) == 2, "a new incarnation is there")
        assert worker["id"] not in live_workers(engine)
    until(lambda: is_gone(child), "nothing is left of the old one", within_s=20)
