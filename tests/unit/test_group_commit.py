"""Group commit over a store whose commits end when the test says so."""

import asyncio

import pytest

from prismlane.common.errors import ConflictError, StaleEpochError, StorageFullError, StoreUnavailableError
from prismlane.engine.ports import Transaction
from prismlane.engine.storage.group_commit import GroupCommit
from prismlane.testing import FakeClock, MemoryStore
from prismlane.testing.job_lives import accepted


class GatedStore(MemoryStore):
    """Each commit waits for `gate`, and `started` is set while it does."""

    def __init__(self):
        super().__init__()
        self.gate, self.started = asyncio.Event(), asyncio.Event()
        self.groups, self.error = [], None
        self.gate.set()

    async def commit(self, transactions):
        self.groups.append(list(transactions))
        self.started.set()
        await self.gate.wait()
        if self.error:
            raise self.error
        await super().commit(transactions)


@pytest.fixture
async def store():
    made = GatedStore()
    await made.take_over()
    return made


def transaction(number):
    return Transaction(changes=(accepted(f"job_0_{number:03}"),))


def start(group_commit, *numbers):
    return [asyncio.create_task(group_commit.write(transaction(number))) for number in numbers]


async def block(store, group_commit):
    """A commit under way; returns the task of its one caller."""
    store.gate.clear()
    store.started.clear()
    (first,) = start(group_commit, 0)
    await store.started.wait()
    return first


async def settle():
    """Let every callback that is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_lone_caller_is_written_at_once_however_long_the_delay(store):
    group_commit = GroupCommit(store, max_delay_s=3600)
    for number in range(3):
        await group_commit.write(transaction(number))
    assert [len(group) for group in store.groups] == [1, 1, 1]
    assert (group_commit.n_commits, group_commit.n_transactions) == (3, 3)


async def test_callers_of_one_turn_share_a_commit(store):
    group_commit = GroupCommit(store, max_delay_s=0)
    await asyncio.gather(*start(group_commit, *range(10)))
    assert [len(group) for group in store.groups] == [10]
    assert (group_commit.n_commits, group_commit.n_transactions) == (1, 10)
    assert len(await store.unfinished_jobs()) == 10


async def test_callers_that_come_during_a_commit_share_the_next_in_their_order(store):
    group_commit = GroupCommit(store, max_delay_s=0)
    first = await block(store, group_commit)
    later = start(group_commit, 3, 1, 2)
    await settle()
    assert not any(task.done() for task in [first, *later])
    store.gate.set()
    await asyncio.gather(first, *later)
    assert [[t.changes[0].job.id for t in group] for group in store.groups] == [
        ["job_0_000"],
        ["job_0_003", "job_0_001", "job_0_002"],
    ]


async def test_group_is_not_larger_than_allowed(store):
    group_commit = GroupCommit(store, max_delay_s=0, max_transactions=4)
    first = await block(store, group_commit)
    later = start(group_commit, *range(1, 10))
    await settle()
    store.gate.set()
    await asyncio.gather(first, *later)
    assert [len(group) for group in store.groups] == [1, 4, 4, 1]


async def test_after_a_large_group_a_smaller_one_goes_when_the_delay_is_over(store):
    group_commit = GroupCommit(store, max_delay_s=0.001)
    first = await block(store, group_commit)
    later = start(group_commit, *range(1, 6))
    await settle()
    store.gate.set()
    await asyncio.gather(first, *later)
    await group_commit.write(transaction(9))
    assert [len(group) for group in store.groups] == [1, 5, 1]


async def commit_of_three_takes_a_minute_while_a_fourth_comes(store, group_commit, clock):
    store.gate.clear()
    three = start(group_commit, 0, 1, 2)
    await store.started.wait()
    (fourth,) = start(group_commit, 3)
    await settle()
    clock.advance(60)
    store.gate.set()
    await asyncio.gather(*three)
    await settle()
    return fourth


async def test_group_waits_for_those_that_the_last_commit_answered(store):
    clock = FakeClock()
    group_commit = GroupCommit(store, max_delay_s=3600, monotonic=clock.monotonic)
    fourth = await commit_of_three_takes_a_minute_while_a_fourth_comes(store, group_commit, clock)
    assert not fourth.done()
    await asyncio.gather(fourth, *start(group_commit, 4, 5))
    assert [len(group) for group in store.groups] == [3, 3]


async def test_group_whose_oldest_has_waited_the_delay_waits_for_nobody(store):
    clock = FakeClock()
    group_commit = GroupCommit(store, max_delay_s=60, monotonic=clock.monotonic)
    fourth = await commit_of_three_takes_a_minute_while_a_fourth_comes(store, group_commit, clock)
    assert fourth.done()
    assert [len(group) for group in store.groups] == [3, 1]


async def test_close_does_not_wait_for_more_callers(store):
    clock = FakeClock()
    group_commit = GroupCommit(store, max_delay_s=3600, monotonic=clock.monotonic)
    fourth = await commit_of_three_takes_a_minute_while_a_fourth_comes(store, group_commit, clock)
    assert not fourth.done()
    await group_commit.close()
    assert fourth.done()


async def test_wrong_transaction_fails_alone(store):
    group_commit = GroupCommit(store)
    await group_commit.write(transaction(5))
    told = await asyncio.gather(*start(group_commit, 4, 5, 6), return_exceptions=True)
    assert [type(answer) for answer in told] == [type(None), ConflictError, type(None)]
    assert [job.id for job in await store.unfinished_jobs()] == ["job_0_004", "job_0_005", "job_0_006"]
    assert group_commit.n_commits == 1 + 1 + 3
    assert group_commit.n_transactions == 3


@pytest.mark.parametrize("error", [StaleEpochError, StorageFullError, StoreUnavailableError])
async def test_error_of_the_store_fails_the_whole_group_once(store, error):
    group_commit = GroupCommit(store)
    store.error = error()
    told = await asyncio.gather(*start(group_commit, 1, 2, 3), return_exceptions=True)
    assert [type(answer) for answer in told] == [error] * 3
    assert group_commit.n_commits == 1
    store.error = None
    await group_commit.write(transaction(4))
    assert group_commit.n_transactions == 1


async def test_cancelled_caller_leaves_its_group_whole(store):
    group_commit = GroupCommit(store)
    first = await block(store, group_commit)
    waiting, other = start(group_commit, 1, 2)
    await settle()
    first.cancel()
    waiting.cancel()
    await settle()
    assert first.cancelled()
    assert waiting.cancelled()
    store.gate.set()
    await other
    assert [job.id for job in await store.unfinished_jobs()] == ["job_0_000", "job_0_001", "job_0_002"]


async def test_close_writes_what_came_before_and_refuses_what_comes_after(store):
    group_commit = GroupCommit(store)
    first = await block(store, group_commit)
    later = start(group_commit, 1, 2)
    await settle()
    closing = asyncio.create_task(group_commit.close())
    await settle()
    with pytest.raises(StoreUnavailableError):
        await group_commit.write(transaction(3))
    assert not closing.done()
    store.gate.set()
    await closing
    assert all(task.done() for task in [first, *later])
    assert len(await store.unfinished_jobs()) == 3
    await group_commit.close()
