"""What every store promises. A new one adds a parameter to `Stores`."""

import asyncio
import random
from dataclasses import replace

import pytest

from prismlane.common.errors import ConflictError, StaleEpochError, StoreUnavailableError
from prismlane.common.ids import new_job_id, ulid
from prismlane.common.states import JobState
from prismlane.engine.data.manifest import Column, Dataset, Partition
from prismlane.engine.jobs import events as ev
from prismlane.engine.jobs.model import JobSpec
from prismlane.engine.jobs.transitions import fold
from prismlane.engine.ports import Checkpoint, IdempotencyKey, JobFilter, Transaction
from prismlane.engine.storage.sqlite_store import SqliteReader, SqliteStore
from prismlane.testing import MemoryStore
from prismlane.testing.job_lives import accepted, life, succeeded, then

EVERYTHING = JobFilter()


class Stores:
    """Writers and readers of one and the same data."""

    def __init__(self, kind, directory):
        self.kind, self.directory, self.opened = kind, directory, []

    def writer(self):
        """A second one finds what the first one wrote, as after a split of the network."""
        if self.kind == "sqlite":
            return self._keep(SqliteStore.open(self.directory, exclusive=not self.opened))
        return self._keep(MemoryStore(beside=self.opened[0] if self.opened else None))

    def reader(self):
        if self.kind == "sqlite":
            return self._keep(SqliteReader.open(self.directory))
        return self._keep(MemoryStore(beside=self.opened[0]))

    def _keep(self, store):
        self.opened.append(store)
        return store


@pytest.fixture(params=["memory", "sqlite"])
async def stores(request, tmp_path):
    made = Stores(request.param, tmp_path)
    yield made
    for store in made.opened:
        await store.close()


@pytest.fixture
async def store(stores):
    writer = stores.writer()
    await writer.take_over()
    return writer


async def write(store, *changes, **others):
    await store.commit([Transaction(changes=changes, **others)])


def dataset(id_="ds_1", *, name="flights", fingerprint="f" * 64, source="a" * 64, table="b" * 64):
    return Dataset(
        id=id_,
        name=name,
        format="csv",
        fingerprint=fingerprint,
        source_hash=source,
        table_hash=table,
        n_rows=3,
        n_bytes=10,
        created_at=1.1,
        columns=(Column("größe", "BIGINT", "numeric"),),
        partitions=(Partition(0, 0, 1, 3),),
        options={"delimiter": ";"},
        warnings=["a note"],
    )


def key(created_id="job_0_a", *, tenant="t", name="k", at=1_000_000.0, fingerprint="f"):
    return IdempotencyKey(tenant, "POST /v1/jobs", name, fingerprint, created_id, at)


# --- epochs ---------------------------------------------------------------------------------------


async def test_epoch_is_zero_before_take_over_and_rises_by_one(stores):
    first, second = stores.writer(), stores.writer()
    assert first.epoch == 0
    assert await first.take_over() == first.epoch == 1
    assert await second.take_over() == second.epoch == 2
    assert await first.take_over() == 3


async def test_writer_that_took_no_epoch_writes_nothing(stores):
    store = stores.writer()
    with pytest.raises(StaleEpochError):
        await write(store, accepted("job_0_a"))
    assert await store.job("default", "job_0_a") is None


async def test_writer_whose_epoch_was_taken_over_writes_nothing_any_more(stores):
    old, new = stores.writer(), stores.writer()
    await old.take_over()
    await write(old, accepted("job_0_a"))
    await new.take_over()
    with pytest.raises(StaleEpochError):
        await write(old, accepted("job_0_b"), keys=(key(),), datasets=(("t", dataset()),))
    assert await new.job("default", "job_0_b") is None
    assert await new.idempotency_key("t", "POST /v1/jobs", "k") is None
    assert await new.dataset("t", "ds_1") is None
    await write(new, accepted("job_0_c"))
    assert await old.job("default", "job_0_c") is not None


# --- transactions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
async def test_g8_row_events_and_attempts_tell_the_same_life(store, seed):
    changes = life(random.Random(seed), "job_0_a", tenant="t")
    for change in changes:
        await write(store, change)
    job = await store.job("t", "job_0_a")
    stored = await store.events("t", "job_0_a")
    assert job == changes[-1].job
    assert [event.seq for event in stored] == list(range(1, len(changes) + 1))
    assert fold(event.event for event in stored) == job
    attempts = await store.attempts("t", "job_0_a")
    assert [attempt.number for attempt in attempts] == sorted(
        {c.job.attempt.number for c in changes if c.job.attempt}
    )
    if attempts:
        assert attempts[-1] == job.attempt


@pytest.mark.parametrize("seed", range(4))
async def test_whole_life_in_one_commit_is_the_same_as_in_many(store, seed):
    changes = life(random.Random(seed), "job_0_a", tenant="t")
    await store.commit([Transaction(changes=changes[:1]), Transaction(changes=changes[1:])])
    assert await store.job("t", "job_0_a") == changes[-1].job
    assert len(await store.events("t", "job_0_a")) == len(changes)


async def test_commit_of_nothing_does_nothing(store):
    await store.commit([])
    await store.commit([Transaction()])
    assert await store.unfinished_jobs() == []


async def test_commit_with_one_wrong_transaction_writes_none(store):
    first = accepted("job_0_a")
    claimed = then(first.job, ev.AttemptClaimed(at=1_800_000_001.0, worker="w", fence=1))
    with pytest.raises(ConflictError):
        await store.commit(
            [
                Transaction(
                    changes=(first,), keys=(key(),), checkpoints=(Checkpoint("job_0_a", 0, 0, "c" * 64),)
                ),
                Transaction(datasets=(("t", dataset()),)),
                Transaction(changes=(replace_job_id(claimed, "job_0_unknown"),)),
            ]
        )
    assert await store.jobs("default", EVERYTHING, limit=10) == []
    assert await store.events("default", "job_0_a") == []
    assert await store.idempotency_key("t", "POST /v1/jobs", "k") is None
    assert await store.checkpoints("job_0_a") == []
    assert await store.datasets("t", limit=10) == []
    assert await store.live_hashes() == set()
    await write(store, first)  # and the store goes on
    assert await store.job("default", "job_0_a") == first.job


def replace_job_id(change, job_id):
    return replace(change, job=replace(change.job, id=job_id))


async def test_g8_event_that_does_not_follow_the_stored_ones_is_refused(store):
    first = accepted("job_0_a")
    claimed = then(first.job, ev.AttemptClaimed(at=1_800_000_001.0, worker="w", fence=1))
    other = then(first.job, ev.JobCancelled(at=1_800_000_002.0))
    await write(store, first)
    await write(store, claimed)
    with pytest.raises(ConflictError, match="event 2 of job_0_a") as refused:
        await write(store, other)
    assert refused.value.facts["stored_seq"] == 2
    assert await store.job("default", "job_0_a") == claimed.job
    assert len(await store.events("default", "job_0_a")) == 2


async def test_two_changes_of_one_group_that_follow_the_same_event_are_refused(store):
    first = accepted("job_0_a")
    await write(store, first)
    claimed = then(first.job, ev.AttemptClaimed(at=1_800_000_001.0, worker="w", fence=1))
    cancelled = then(first.job, ev.JobCancelled(at=1_800_000_002.0))
    with pytest.raises(ConflictError):
        await store.commit([Transaction(changes=(claimed,)), Transaction(changes=(cancelled,))])
    assert await store.job("default", "job_0_a") == first.job


async def test_job_is_accepted_once(store):
    await write(store, accepted("job_0_a"))
    with pytest.raises(ConflictError):
        await write(store, accepted("job_0_a", tenant="other"))
    assert await store.job("other", "job_0_a") is None


async def test_g10_what_is_committed_is_seen_by_a_separate_reader_at_once(stores, store):
    reader = stores.reader()
    for number in range(5):
        await write(store, accepted(f"job_0_{number}"))
        assert await reader.job("default", f"job_0_{number}") is not None


async def test_concurrent_commits_all_land(store):
    await asyncio.gather(*(write(store, accepted(f"job_0_{number:02}")) for number in range(20)))
    assert len(await store.unfinished_jobs()) == 20


async def test_closed_store_refuses(stores, store):
    reader = stores.reader()
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await write(store, accepted("job_0_a"))
    with pytest.raises(StoreUnavailableError):
        await store.job("default", "job_0_a")
    assert await reader.job("default", "job_0_a") is None


# --- tenants --------------------------------------------------------------------------------------


async def test_g11_no_read_shows_anything_of_another_tenant(store):
    spec = JobSpec(analysis="profile", analysis_version="1", dataset_id="ds_1", labels={"team": "a"})
    await write(
        store,
        *succeeded("job_0_a", tenant="theirs", spec=spec),
        keys=(key(tenant="theirs"),),
        datasets=(("theirs", dataset()),),
    )
    filters = [
        EVERYTHING,
        JobFilter(states=[JobState.SUCCEEDED]),
        JobFilter(states=[JobState.SUCCEEDED, JobState.FAILED]),
        JobFilter(analysis="profile"),
        JobFilter(dataset_id="ds_1"),
        JobFilter(labels={"team": "a"}),
    ]

    async def seen(tenant):
        return [
            await store.job(tenant, "job_0_a"),
            *[await store.jobs(tenant, wanted, limit=10) for wanted in filters],
            await store.events(tenant, "job_0_a"),
            await store.attempts(tenant, "job_0_a"),
            await store.dataset(tenant, "ds_1"),
            await store.dataset_with(tenant, "f" * 64, "flights"),
            await store.datasets(tenant, limit=10),
            await store.idempotency_key(tenant, "POST /v1/jobs", "k"),
        ]

    assert all(await seen("theirs"))
    assert not any(await seen("ours"))


async def test_g11_another_tenant_deletes_nothing(store):
    await write(store, datasets=(("theirs", dataset()),))
    await write(store, deleted_datasets=(("ours", "ds_1"),))
    assert await store.dataset("theirs", "ds_1") == dataset()


# --- lists of jobs --------------------------------------------------------------------------------


async def test_pages_hold_every_job_once_newest_first(store):
    ids = sorted(new_job_id() for _ in range(23))
    shuffled = random.Random(1).sample(ids, len(ids))
    await write(store, *(accepted(job_id) for job_id in shuffled))
    found, before = [], None
    while page := await store.jobs("default", EVERYTHING, limit=5, before=before):
        assert len(page) <= 5
        found += [job.id for job in page]
        before = found[-1]
    assert found == ids[::-1]


@pytest.fixture
async def varied_jobs(store):
    """60 jobs of two analyses, two datasets, three states and some labels."""
    specs = [
        JobSpec(
            analysis="profile" if number % 2 else "compare",
            analysis_version="1",
            dataset_id=[None, "ds_a", "ds_b"][number % 3],
            labels=[{}, {"team": "a"}, {"team": "b", "env": "prod"}, {"team": "a", "env": "prod"}][
                number % 4
            ],
        )
        for number in range(60)
    ]
    for number, spec in enumerate(specs):
        job_id = f"job_0_{number:02}"
        changes = succeeded(job_id, spec=spec) if number % 5 == 0 else [accepted(job_id, spec=spec)]
        if number % 7 == 3 and number % 5:
            changes.append(then(changes[0].job, ev.JobCancelled(at=1_800_000_009.0)))
        await write(store, *changes)
    return await store.jobs("default", EVERYTHING, limit=100)


FILTERS = [
    JobFilter(states=[JobState.QUEUED]),
    JobFilter(states=[JobState.SUCCEEDED, JobState.CANCELLED]),
    JobFilter(states=[JobState.SUCCEEDED, JobState.CANCELLED, JobState.SUCCEEDED]),
    JobFilter(analysis="profile"),
    JobFilter(dataset_id="ds_a"),
    JobFilter(labels={"team": "a"}),
    JobFilter(labels={"team": "a", "env": "prod"}),
    JobFilter(labels={"team": "nobody"}),
    JobFilter(states=[JobState.FAILED]),
    JobFilter(
        states=[JobState.QUEUED, JobState.SUCCEEDED],
        analysis="profile",
        dataset_id="ds_b",
        labels={"env": "prod"},
    ),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [3, 100])
async def test_filter_gives_the_pages_of_just_the_jobs_that_match(store, varied_jobs, wanted, limit):
    def matches(job):
        return (
            (not wanted.states or job.state in wanted.states)
            and (wanted.analysis is None or job.spec.analysis == wanted.analysis)
            and (wanted.dataset_id is None or job.spec.dataset_id == wanted.dataset_id)
            and wanted.labels.items() <= job.spec.labels.items()
        )

    found, before = [], None
    while page := await store.jobs("default", wanted, limit=limit, before=before):
        assert len(page) <= limit
        found += page
        before = page[-1].id
    assert found == [job for job in varied_jobs if matches(job)]


async def test_unfinished_jobs_of_all_tenants_come_in_order_of_creation(store):
    await write(store, accepted("job_0_c", tenant="a", at=3.0), accepted("job_0_b", tenant="b", at=1.5))
    await write(store, accepted("job_0_a", tenant="a", at=2.0), accepted("job_0_d", tenant="a", at=1.5))
    await write(store, *succeeded("job_0_e", at=1.0))
    assert [job.id for job in await store.unfinished_jobs()] == ["job_0_b", "job_0_d", "job_0_a", "job_0_c"]


# --- events ---------------------------------------------------------------------------------------


async def test_events_come_after_a_seq_and_up_to_a_limit(store):
    changes = succeeded("job_0_a")
    await write(store, *changes, *succeeded("job_0_b"))
    events = await store.events("default", "job_0_a")
    assert [event.event.type for event in events] == ["job.accepted", "attempt.claimed", "job.succeeded"]
    assert {(event.job_id, event.tenant) for event in events} == {("job_0_a", "default")}
    assert await store.events("default", "job_0_a", after=1) == events[1:]
    assert await store.events("default", "job_0_a", after=1, limit=1) == events[1:2]
    assert await store.events("default", "job_0_a", after=3) == []


# --- checkpoints ----------------------------------------------------------------------------------


async def test_checkpoints_are_kept_until_the_job_ends(store):
    first, claimed, done = succeeded("job_0_a")
    points = [Checkpoint("job_0_a", 0, -1, "1" * 64), Checkpoint("job_0_a", 0, 2, "2" * 64)]
    late = Checkpoint("job_0_a", 1, 0, "3" * 64)
    await write(store, first, claimed, checkpoints=[late, points[1]])
    await write(store, checkpoints=[points[0], Checkpoint("job_0_b", 0, 0, "4" * 64)])
    assert await store.checkpoints("job_0_a") == [*points, late]
    again = Checkpoint("job_0_a", 0, 2, "5" * 64)
    await write(store, checkpoints=[again])
    assert await store.checkpoints("job_0_a") == [points[0], again, late]
    await write(store, done)
    assert await store.checkpoints("job_0_a") == []
    assert len(await store.checkpoints("job_0_b")) == 1


# --- datasets -------------------------------------------------------------------------------------


async def test_dataset_comes_back_as_it_was(store):
    await write(store, datasets=(("t", dataset()),))
    assert await store.dataset("t", "ds_1") == dataset()
    assert await store.dataset("t", "ds_2") is None


async def test_dataset_is_never_overwritten(store):
    await write(store, datasets=(("t", dataset()),))
    with pytest.raises(ConflictError):
        await write(store, datasets=(("t", dataset(name="other")),))
    assert await store.dataset("t", "ds_1") == dataset()


async def test_newest_dataset_with_a_fingerprint_and_name_is_found_until_it_is_deleted(store):
    await write(store, datasets=[("t", dataset("ds_1")), ("t", dataset("ds_3")), ("t", dataset("ds_2"))])
    await write(
        store, datasets=[("t", dataset("ds_4", name="b")), ("t", dataset("ds_5", fingerprint="0" * 64))]
    )
    assert (await store.dataset_with("t", "f" * 64, "flights")).id == "ds_3"
    await write(store, deleted_datasets=[("t", "ds_3"), ("t", "ds_9")])
    assert (await store.dataset_with("t", "f" * 64, "flights")).id == "ds_2"
    assert await store.dataset("t", "ds_3") is None


async def test_datasets_are_paged_newest_first(store):
    await write(store, datasets=[("t", dataset(f"ds_{number}")) for number in (3, 1, 5, 2, 4)])
    assert [found.id for found in await store.datasets("t", limit=2)] == ["ds_5", "ds_4"]
    assert [found.id for found in await store.datasets("t", limit=9, before="ds_4")] == [
        "ds_3",
        "ds_2",
        "ds_1",
    ]


# --- idempotency keys -----------------------------------------------------------------------------


async def test_g2_second_use_of_a_key_is_refused_with_all_that_came_with_it(store):
    await write(store, accepted("job_0_a"), keys=(key("job_0_a"),))
    with pytest.raises(ConflictError):
        await write(store, accepted("job_0_b"), keys=(key("job_0_b", at=1_000_000.0 + 86_399),))
    assert await store.job("default", "job_0_b") is None
    assert await store.idempotency_key("t", "POST /v1/jobs", "k") == key("job_0_a")


async def test_g2_two_uses_of_a_key_in_one_group_are_refused(store):
    with pytest.raises(ConflictError):
        await store.commit([Transaction(keys=(key("job_0_a"),)), Transaction(keys=(key("job_0_b"),))])
    assert await store.idempotency_key("t", "POST /v1/jobs", "k") is None


async def test_key_can_be_used_again_after_a_day(store):
    await write(store, keys=(key("job_0_a"),))
    later = key("job_0_b", at=1_000_000.0 + 86_400)
    await write(store, keys=(later,))
    assert await store.idempotency_key("t", "POST /v1/jobs", "k") == later


async def test_same_key_of_other_tenants_and_routes_is_another_key(store):
    keys = [key(), key(tenant="u"), replace(key(), route="POST /v1/datasets"), key(name="k2")]
    await write(store, keys=keys)
    for one in keys:
        assert await store.idempotency_key(one.tenant, one.route, one.key) == one


# --- blobs that are named -------------------------------------------------------------------------


async def test_live_hashes_are_those_that_a_row_names(store):
    await write(
        store,
        *succeeded("job_0_a", result_hash="1" * 64),
        accepted("job_0_b"),
        checkpoints=[Checkpoint("job_0_b", 0, 0, "2" * 64), Checkpoint("job_0_a", 0, 0, "9" * 64)],
        datasets=[("t", dataset(source="3" * 64, table="4" * 64)), ("t", dataset("ds_2", source="5" * 64))],
    )
    await write(store, deleted_datasets=[("t", "ds_2")])
    assert await store.live_hashes() == {"1" * 64, "2" * 64, "3" * 64, "4" * 64}


async def test_ids_with_unusual_characters_are_kept_apart(store):
    tenants = ["ä", "a'b", 'a"b', "a\u0000b", "a\\b", "😀", ulid()]
    await write(store, *(accepted(f"job_0_{number}", tenant=name) for number, name in enumerate(tenants)))
    for number, name in enumerate(tenants):
        assert [job.id for job in await store.jobs(name, EVERYTHING, limit=9)] == [f"job_0_{number}"]
