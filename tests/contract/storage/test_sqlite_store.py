"""What only the store on SQLite has: files, locks, migrations, damage."""

import os
import random
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager

import apsw
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from prismlane.common.errors import (
    DamagedStoreError,
    StorageFullError,
    StoreInUseError,
    StoreUnavailableError,
)
from prismlane.common.states import JobState
from prismlane.engine.ports import JobFilter, Transaction
from prismlane.engine.storage import migrate, migrations, sqlite_store, statements
from prismlane.engine.storage.schema import METADATA
from prismlane.engine.storage.sqlite_connection import DATABASE_NAME
from prismlane.engine.storage.sqlite_store import SqliteReader, SqliteStore
from prismlane.testing.job_lives import accepted, life, succeeded


async def opened(directory):
    store = SqliteStore.open(directory)
    await store.take_over()
    return store


async def write(store, *changes):
    await store.commit([Transaction(changes=changes)])


# --- life of the files ----------------------------------------------------------------------------


async def test_all_is_there_after_a_restart(tmp_path):
    store = await opened(tmp_path)
    changes = life(random.Random(3), "job_0_a")
    await write(store, *changes)
    await store.close()
    store = await opened(tmp_path)
    assert store.epoch == 2
    assert await store.job("default", "job_0_a") == changes[-1].job
    assert len(await store.events("default", "job_0_a")) == len(changes)
    await store.close()


async def test_files_are_for_their_owner_alone(tmp_path):
    directory = tmp_path / "deep" / "data"
    store = await opened(directory)
    await write(store, accepted("job_0_a"))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    files = list(directory.iterdir())
    assert {f"{DATABASE_NAME}{end}" for end in ("", "-wal", "-shm")} < {file.name for file in files}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await store.close()


async def test_second_engine_is_told_who_has_the_directory(tmp_path):
    store = await opened(tmp_path)
    with pytest.raises(StoreInUseError, match=rf"in use by the process with pid {os.getpid()}"):
        SqliteStore.open(tmp_path)
    await write(store, accepted("job_0_a"))
    await store.close()
    await (await opened(tmp_path)).close()


async def test_reader_needs_a_store(tmp_path):
    with pytest.raises(StoreUnavailableError, match="no store"):
        SqliteReader.open(tmp_path)


async def test_reader_outlives_the_writer_and_opens_without_one(tmp_path):
    store = await opened(tmp_path)
    early = SqliteReader.open(tmp_path)
    await write(store, accepted("job_0_a"))
    await store.close()
    late = SqliteReader.open(tmp_path)
    assert await early.job("default", "job_0_a") == await late.job("default", "job_0_a") is not None
    store = await opened(tmp_path)
    await write(store, accepted("job_0_b"))
    assert await early.job("default", "job_0_b") == await late.job("default", "job_0_b") is not None
    for one in (store, early, late):
        await one.close()


READ_IN_A_CHILD = """
import asyncio, sys
from pathlib import Path
from prismlane.engine.storage.sqlite_store import SqliteReader

async def main():
    reader = SqliteReader.open(Path(sys.argv[1]))
    for line in sys.stdin:
        print((await reader.job("default", line.strip())).state, flush=True)

asyncio.run(main())
"""


async def test_g10_readers_in_other_processes_see_each_commit_at_once(tmp_path):
    store = await opened(tmp_path)
    command = [sys.executable, "-c", READ_IN_A_CHILD, str(tmp_path)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for number in range(20):
        await write(store, accepted(f"job_0_{number}"))
        for child in children:
            child.stdin.write(f"job_0_{number}\n")
            child.stdin.flush()
            assert child.stdout.readline() == "queued\n"
    for child in children:
        child.stdin.close()
        assert child.wait(30) == 0
        child.stdout.close()
    await store.close()


# --- schema ---------------------------------------------------------------------------------------


def structure(connection):
    rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    return {
        name: re.sub(r"\s+", " ", sql) for name, sql in rows if not name.startswith(("alembic", "sqlite_"))
    }


def test_migrations_make_the_tables_of_the_schema(tmp_path):
    migrate.migrate(tmp_path / "migrated.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/migrated.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        migrated = structure(connection)
    engine.dispose()
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        assert structure(connection) == migrated
    engine.dispose()


def test_head_is_the_newest_revision():
    assert ScriptDirectory.from_config(migrate.config()).get_heads() == [migrations.HEAD]


async def test_store_of_a_newer_release_is_refused(tmp_path):
    await (await opened(tmp_path)).close()
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    connection.execute("UPDATE alembic_version SET version_num = 'v9999'")
    connection.close()
    with pytest.raises(StoreUnavailableError, match="v9999"):
        SqliteStore.open(tmp_path)


@pytest.mark.parametrize("n_states", [0, 1, 3])
@pytest.mark.parametrize("n_labels", [0, 2])
@pytest.mark.parametrize("by_dataset", [False, True])
async def test_lists_walk_an_index_and_sort_no_more_than_a_page(tmp_path, n_states, n_labels, by_dataset):
    statement = statements.select_jobs(
        n_states=n_states, n_labels=n_labels, by_analysis=False, by_dataset=by_dataset, paged=True
    )
    await (await opened(tmp_path)).close()
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    names = set(re.findall(r":(\w+)", statement.text)) - set(statement.fixed)
    plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.bound(dict.fromkeys(names)))
    steps = [row[3] for row in plan]
    connection.close()
    scans = [
        step for step in steps if step.startswith("SCAN") and not re.match(r"SCAN (found|anon_\d+|\()", step)
    ]
    assert scans == []
    # A merge of the pages of several states sorts those pages; one state, or none, needs no sort.
    assert n_states > 1 or not any("TEMP B-TREE" in step for step in steps)


# --- damage ---------------------------------------------------------------------------------------


async def filled(directory, n_jobs=60):
    store = await opened(directory)
    for number in range(n_jobs):
        await write(store, *succeeded(f"job_0_{number:03}"))
    return store


async def test_damaged_page_is_found_at_the_start_and_the_error_says_what_to_do(tmp_path):
    await (await filled(tmp_path)).close()
    database = tmp_path / DATABASE_NAME
    connection = apsw.Connection(str(database))
    page_bytes = connection.pragma("page_size")
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").get
    connection.close()
    with database.open("r+b") as file:
        file.seek((root - 1) * page_bytes)
        flipped = bytes(byte ^ 0xFF for byte in file.read(64))
        file.seek((root - 1) * page_bytes)
        file.write(flipped)
    for _ in range(2):  # the lock is given back
        with pytest.raises(DamagedStoreError) as refused:
            SqliteStore.open(tmp_path)
    assert "backup" in refused.value.hint
    assert str(database) in refused.value.detail


async def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / DATABASE_NAME).write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedStoreError):
        SqliteStore.open(tmp_path)


async def test_g1_log_cut_at_any_byte_of_its_tail_leaves_a_prefix(tmp_path):
    store = await filled(tmp_path / "whole", n_jobs=12)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", tmp_path / "whole", copy], check=True)
    await store.close()
    log = (copy / f"{DATABASE_NAME}-wal").read_bytes()
    rest = (copy / DATABASE_NAME).read_bytes()
    choose = random.Random(1)
    cuts = [len(log), len(log) - 1, *(len(log) - choose.randrange(1, 60_000) for _ in range(12))]
    seen = set()
    for cut in sorted(cuts):
        shutil.rmtree(copy)
        copy.mkdir()
        (copy / DATABASE_NAME).write_bytes(rest)
        (copy / f"{DATABASE_NAME}-wal").write_bytes(log[:cut])
        store = await opened(copy)
        jobs = (await store.jobs("default", JobFilter(), limit=100))[::-1]
        assert [job.id for job in jobs] == [f"job_0_{number:03}" for number in range(len(jobs))]
        assert {(job.state, job.seq) for job in jobs} <= {(JobState.SUCCEEDED, 3)}
        for job in jobs:
            assert len(await store.events("default", job.id)) == 3
        seen.add(len(jobs))
        await store.close()
    assert max(seen) == 12
    assert len(seen) > 2, "the cuts are meant to fall into several transactions"


# --- a disk that fails ----------------------------------------------------------------------------


async def write_until_full(store):
    """The ids that were written, and the one that was refused."""
    written = []
    for number in range(100, 1000):
        try:
            await write(store, *succeeded(f"job_0_{number}"))
        except StorageFullError:
            return written, f"job_0_{number}"
        written.append(f"job_0_{number}")
    pytest.fail("the disk never got full")


async def test_full_database_is_told_and_the_store_goes_on_when_there_is_room(tmp_path):
    store = await filled(tmp_path, n_jobs=3)
    n_pages = store._writer.pragma("page_count")
    store._writer.pragma("max_page_count", n_pages)
    _, refused = await write_until_full(store)
    assert await store.job("default", refused) is None
    assert await store.events("default", refused) == []
    store._writer.pragma("max_page_count", 1_000_000)
    await write(store, *succeeded(refused))
    assert (await store.job("default", refused)).state is JobState.SUCCEEDED
    await store.close()


@contextmanager
def small_disk(directory, n_bytes):
    directory.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", directory], check=False
    )
    if mounting.returncode:
        pytest.skip("mounting a file system needs root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


@pytest.mark.faults
async def test_full_disk_is_told_and_the_store_goes_on_when_it_is_freed(tmp_path):
    with small_disk(tmp_path / "disk", 4 << 20) as disk:
        store = await filled(disk / "data", n_jobs=3)
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file:
            while shutil.disk_usage(disk).free:
                file.write(bytes(4096))
        written, refused = await write_until_full(store)
        assert await store.job("default", refused) is None
        filler.unlink()
        await write(store, *succeeded(refused))
        await store.close()
        store = await opened(disk / "data")
        for job_id in [*written, refused]:
            assert len(await store.events("default", job_id)) == 3
        await store.close()


class FailingDisk(apsw.VFS):
    """The file system, but for `fsync`, which fails while `fails` is set."""

    def __init__(self):
        super().__init__("failing", "unix")
        self.fails = False

    def xOpen(self, name, flags):  # noqa: N802 - SQLite's name
        disk = self

        class File(apsw.VFSFile):
            def __init__(self):
                super().__init__("unix", name, flags)

            def xSync(self, flags):  # noqa: N802
                if disk.fails:
                    raise apsw.IOError
                super().xSync(flags)

        return File()


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # the driver reports what a VFS raises
async def test_disk_that_does_not_sync_is_told_and_the_store_goes_on_when_it_does(tmp_path, monkeypatch):
    disk = FailingDisk()
    connect = apsw.Connection

    def connect_to_disk(name, flags):
        return connect(name, flags=flags, vfs="failing" if flags & apsw.SQLITE_OPEN_READWRITE else None)

    monkeypatch.setattr(sqlite_store.apsw, "Connection", connect_to_disk)
    store = await filled(tmp_path, n_jobs=1)
    disk.fails = True
    with pytest.raises(StoreUnavailableError):
        await write(store, *succeeded("job_0_a"))
    assert await store.job("default", "job_0_a") is None
    disk.fails = False
    await write(store, *succeeded("job_0_a"))
    assert len(await store.events("default", "job_0_a")) == 3
    await store.close()
    disk.unregister()


async def test_unexpected_error_leaves_nothing_and_the_store_goes_on(tmp_path, monkeypatch):
    store = await opened(tmp_path)

    class BugError(Exception):
        pass

    def fail(*_):
        raise BugError

    with monkeypatch.context() as patch:
        patch.setattr(store, "_execute", fail)
        with pytest.raises(BugError):
            await write(store, accepted("job_0_a"))
    assert await store.job("default", "job_0_a") is None
    await write(store, accepted("job_0_a"))
    await store.close()
