import asyncio

import pytest

from prismlane.engine.data.partition_cache import PartitionCache, PartitionKey


def key(number: int) -> PartitionKey:
    return PartitionKey("t" * 64, number, number + 1)


class Loader:
    """Writes ten bytes a partition, once its gate is open; fails as often as told."""

    def __init__(self):
        self.calls = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.n_failures = 0

    async def __call__(self, key, path):
        self.calls.append(key)
        await self.gate.wait()
        if self.n_failures:
            self.n_failures -= 1
            path.write_bytes(b"half")
            raise RuntimeError("disk on fire")
        path.write_bytes(b"x" * 10)


@pytest.fixture
async def loader():
    return Loader()


@pytest.fixture
async def cache(tmp_path, loader):
    cache = PartitionCache(tmp_path / "cache", 30, loader)
    yield cache
    files = {path.name: path.stat().st_size for path in (tmp_path / "cache").iterdir()}
    assert sum(files.values()) == cache.counters.bytes
    await cache.close()


async def test_a_hundred_callers_of_one_partition_cause_one_load(cache, loader):
    loader.gate.clear()
    callers = [asyncio.create_task(cache.acquire(key(1), f"w{n}")) for n in range(100)]
    await asyncio.sleep(0)
    loader.gate.set()
    paths = await asyncio.gather(*callers)
    assert len(set(paths)) == 1
    assert loader.calls == [key(1)]
    assert (cache.counters.loads, cache.counters.hits, cache.counters.bytes) == (1, 99, 10)


async def test_a_failing_load_fails_all_its_callers_and_is_not_kept(cache, loader):
    loader.n_failures = 1
    loader.gate.clear()
    callers = [asyncio.create_task(cache.acquire(key(1), "w")) for _ in range(5)]
    await asyncio.sleep(0)
    loader.gate.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["disk on fire"] * 5
    assert (await cache.acquire(key(1), "w")).read_bytes() == b"x" * 10
    assert (cache.counters.loads, cache.counters.failures) == (2, 1)


async def test_the_least_recently_used_partition_goes_first(cache):
    for number in (1, 2, 3):
        await cache.acquire(key(number), "w")
        cache.release(key(number), "w")
    await cache.acquire(key(1), "w")
    cache.release(key(1), "w")
    await cache.acquire(key(4), "w")
    assert cache.counters.evictions == 1
    for number in (1, 3, 4):
        await cache.acquire(key(number), "w")
    assert cache.counters.loads == 4


async def test_what_is_held_is_never_removed_even_above_the_limit(cache):
    paths = [await cache.acquire(key(number), "w") for number in range(6)]
    assert all(path.exists() for path in paths)
    assert cache.counters.bytes == 60
    cache.release_all("w")
    assert cache.counters.bytes == 30
    assert [path.exists() for path in paths] == [False] * 3 + [True] * 3


async def test_a_partition_stays_until_each_holder_has_released_it_as_often_as_it_acquired_it(
    tmp_path, loader
):
    cache = PartitionCache(tmp_path / "small", 0, loader)
    path = await cache.acquire(key(1), "a")
    await cache.acquire(key(1), "a")
    await cache.acquire(key(1), "b")
    cache.release(key(1), "a")
    cache.release(key(1), "b")
    assert path.exists()
    cache.release(key(1), "b")
    cache.release(key(1), "stranger")
    assert path.exists()
    cache.release(key(1), "a")
    assert not path.exists()


async def test_a_dead_worker_loses_its_holds_and_nobody_elses(cache):
    await cache.acquire(key(1), "dead")
    shared = await cache.acquire(key(2), "dead")
    await cache.acquire(key(2), "alive")
    cache.release_all("dead")
    for number in (3, 4, 5):
        await cache.acquire(key(number), "alive")
    assert shared.exists()
    assert cache.counters.evictions == 1


async def test_a_caller_that_goes_away_does_not_stop_the_load_of_the_others(cache, loader):
    loader.gate.clear()
    leaving = asyncio.create_task(cache.acquire(key(1), "leaving"))
    staying = asyncio.create_task(cache.acquire(key(1), "staying"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    loader.gate.set()
    assert (await staying).exists()
    assert len(loader.calls) == 1


async def test_a_load_that_nobody_waits_for_any_more_may_fail_in_silence(cache, loader):
    loader.n_failures = 1
    loader.gate.clear()
    leaving = asyncio.create_task(cache.acquire(key(1), "leaving"))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    loader.gate.set()
    assert (await cache.acquire(key(2), "w")).exists()
    assert cache.counters.failures == 1


async def test_leftovers_of_an_earlier_process_are_removed_at_start(tmp_path, loader):
    directory = tmp_path / "cache"
    directory.mkdir()
    (directory / "leftover.arrow").write_bytes(b"x")
    PartitionCache(directory, 30, loader)
    assert list(directory.iterdir()) == []


async def test_closing_ends_what_loads_and_removes_all_files(tmp_path, loader):
    cache = PartitionCache(tmp_path / "cache", 30, loader)
    await cache.acquire(key(1), "w")
    loader.gate.clear()
    waiting = asyncio.create_task(cache.acquire(key(2), "w"))
    await asyncio.sleep(0)
    await cache.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not (tmp_path / "cache").exists()
