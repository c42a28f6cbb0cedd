"""A process that writes is killed at any moment: what it acknowledged is there, and nothing is there by half."""

import random
import signal
import subprocess
import sys

import pytest

from prismlane.engine.jobs.transitions import fold
from prismlane.engine.ports import JobFilter
from prismlane.engine.storage.sqlite_store import SqliteStore

WRITE_UNTIL_KILLED = """
import asyncio, itertools, sys
from pathlib import Path
from prismlane.engine.ports import IdempotencyKey, Transaction
from prismlane.engine.storage.group_commit import GroupCommit
from prismlane.engine.storage.sqlite_store import SqliteStore
from prismlane.testing.job_lives import succeeded

async def write(group_commit, numbers, prefix):
    while True:
        job_id = f"{prefix}_{next(numbers):06}"
        key = IdempotencyKey("default", "POST /v1/jobs", job_id, "f", job_id, 1.0)
        await group_commit.write(Transaction(changes=succeeded(job_id), keys=(key,)))
        print(job_id, flush=True)

async def main():
    store = SqliteStore.open(Path(sys.argv[1]))
    await store.take_over()
    group_commit, numbers = GroupCommit(store), itertools.count()
    await asyncio.gather(*(write(group_commit, numbers, sys.argv[2]) for _ in range(8)))

asyncio.run(main())
"""


def kill_while_it_writes(directory, prefix, n_acknowledged):
    """The ids that a child acknowledged until, and after, it was seen to have acknowledged so many."""
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(directory), prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        acknowledged = [child.stdout.readline() for _ in range(n_acknowledged)]
        child.send_signal(signal.SIGKILL)
        acknowledged += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    return {line.strip() for line in acknowledged if line.endswith("\n")}


async def jobs_of(store):
    found, before = [], None
    while page := await store.jobs("default", JobFilter(), limit=1000, before=before):
        found += page
        before = page[-1].id
    return {job.id: job for job in found}


@pytest.mark.faults
async def test_g1_acknowledged_transactions_survive_a_kill_and_none_is_there_by_half(tmp_path):
    choose = random.Random(2)
    acknowledged = set()
    for kill in range(4):
        acknowledged |= kill_while_it_writes(tmp_path, f"job_0_{kill}", choose.randrange(1, 400))
        store = SqliteStore.open(tmp_path)
        jobs = await jobs_of(store)
        assert acknowledged <= jobs.keys()
        for job_id, job in jobs.items():
            events = await store.events("default", job_id)
            assert [event.seq for event in events] == [1, 2, 3]
            assert fold(event.event for event in events) == job
            assert await store.attempts("default", job_id) == [job.attempt]
            assert (await store.idempotency_key("default", "POST /v1/jobs", job_id)).created_id == job_id
        await store.close()
