import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from engine_watch import computing, live_workers, reasons_of, types_of, until

from prismlane.client import Client

pytestmark = pytest.mark.faults


def test_a_job_over_partitions_survives_the_holder(engine, client, table):
    dataset = client.datasets.add(table)
    job = client.submit("row_count", dataset, seconds=0.7)
    until(lambda: job.refresh().view.progress is not None, "some partitions are computed")
    os.kill(engine.pid_of("holder"), signal.SIGKILL)
    assert job.result(90).output == {"n_rows": 1_200_000}
    types_of(job)


def test_g2_a_client_that_asks_again_after_the_gateway_died_has_one_job(engine, client):
    pid = engine.pid_of("gateway")

    def submit(number: int) -> str:
        def ask() -> str | None:
            with Client(engine.url) as own:
                return own.submit("noop", idempotency_key=f"gateway-dies-{number % 10}").id

        if number == 20:
            os.kill(pid, signal.SIGKILL)
        return until(ask, "the submit is answered")

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(submit, range(60)))
    assert len(set(ids)) == 10
    for number in range(10):
        assert len(set(ids[number::10])) == 1
    assert engine.pid_of("gateway") != pid


def test_the_supervisor_that_was_killed_is_back_and_heals_again(engine, client):
    pid = engine.pid_of("supervisor")
    os.kill(pid, signal.SIGKILL)
    assert client.run("noop", timeout=60)
    until(lambda: engine.pid_of("supervisor") != pid, "the supervisor is back")
    job = computing(client.submit("sleep", seconds=2))
    worker = job.view.attempt.worker
    os.kill(live_workers(engine)[worker], signal.SIGKILL)
    job.result(60)
    assert reasons_of(job) == ["lost"]


def test_a_second_engine_on_the_same_data_directory_is_refused(engine, client):
    record = engine.data_directory / "engine.json"
    told = record.read_text()
    second = [
        sys.executable,
        "-m",
        "prismlane",
        "up",
        "--port",
        "0",
        "--data-dir",
        str(engine.data_directory),
    ]
    by_record = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
    record.unlink()
    by_lock = subprocess.run(second, capture_output=True, text=True, timeout=60, check=False)
    record.write_text(told)
    assert by_record.returncode != 0
    assert f"process {engine.process.pid}" in by_record.stderr
    assert by_lock.returncode != 0
    assert f"pid {engine.pid_of('tracker')}" in by_lock.stderr
    assert client.run("noop", timeout=30)
