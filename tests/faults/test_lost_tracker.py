import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from engine_watch import computing, events_of, reasons_of, types_of, until

from prismlane.client import Client
from prismlane.common.errors import OverloadedError

pytestmark = pytest.mark.faults


def kill_tracker(engine) -> None:
    """Kill the tracker's process and wait until another one answers."""
    pid, epoch = engine.pid_of("tracker"), engine.ready()["epoch"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: engine.ready()["epoch"] > epoch, "a new tracker answers")


def test_g4_jobs_that_run_while_the_tracker_dies_are_adopted_and_not_run_again(engine, client):
    jobs = [computing(client.submit("sleep", seconds=8)) for _ in range(2)]
    workers = [job.view.attempt.worker for job in jobs]
    kill_tracker(engine)
    for job, worker in zip(jobs, workers, strict=True):
        job.result(60)
        assert types_of(job) == ["job.accepted", "attempt.claimed", "job.succeeded"]
        assert job.view.attempt.worker == worker


def test_g1_g2_each_submit_that_was_answered_while_the_tracker_died_is_one_job(engine, client):
    keys = [f"tracker-dies-{number}" for number in range(60)]
    begun = threading.Semaphore(0)

    def submit(key: str) -> str | None:
        with Client(engine.url) as own:
            begun.release()
            try:
                return own.submit("noop", idempotency_key=key, labels={"test": "tracker-dies"}).id
            except OverloadedError:
                return None

    with ThreadPoolExecutor(6) as pool:
        submitting = [pool.submit(submit, key) for key in keys]
        for _ in range(20):
            begun.acquire()
        kill_tracker(engine)
        accepted = {key: future.result() for key, future in zip(keys, submitting, strict=True)}
    assert sum(job_id is not None for job_id in accepted.values()) >= 40, "a client sees a pause, no outage"
    for key, job_id in accepted.items():
        again = client.submit("noop", idempotency_key=key, labels={"test": "tracker-dies"})
        assert job_id in (again.id, None)
        assert types_of(again)[-1] == "job.succeeded"
    made = [job.id for job in client.jobs.list(labels={"test": "tracker-dies"})]
    assert len(made) == len(set(made)) == len(keys)


def test_g8_a_stream_of_events_survives_the_tracker_without_gap_or_double(engine, client):
    job = client.submit("sleep", seconds=6)
    seen: list[int] = []

    def follow() -> None:
        with Client(engine.url) as own:
            seen.extend(event.seq for event in own.jobs.get(job.id).events())

    follower = threading.Thread(target=follow)
    follower.start()
    computing(job)
    kill_tracker(engine)
    follower.join(60)
    assert not follower.is_alive(), "the stream ends with the job"
    assert seen == list(range(1, len(events_of(job)) + 1))


def test_a_tracker_that_hangs_is_replaced_and_its_jobs_go_on(engine, client):
    job = computing(client.submit("sleep", seconds=1))
    pid, epoch = engine.pid_of("tracker"), engine.ready()["epoch"]
    os.kill(pid, signal.SIGSTOP)
    until(lambda: engine.ready()["epoch"] > epoch, "a new tracker answers")
    job.result(60)
    assert set(reasons_of(job)) <= {"lost"}, "its worker drops it when nobody renews its lease"


def test_g2_two_hundred_submits_with_one_key_are_one_job(engine):
    def submit(_: int) -> str:
        with Client(engine.url) as own:
            return own.submit("noop", idempotency_key="one-key").id

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(submit, range(200)))) == 1
