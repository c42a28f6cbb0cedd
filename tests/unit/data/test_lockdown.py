import threading

import duckdb
import pyarrow as pa
import pytest

from prismlane.common.errors import CancelledByRequestError, TooLargeError
from prismlane.engine.data.lockdown import connect
from prismlane.engine.data.watched import run_watched


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("lockdown")


@pytest.fixture(scope="module")
def con(directory):
    (directory / "allowed.csv").write_text("a\n1\n")
    (directory / "neighbour.csv").write_text("a\n2\n")
    con = connect(
        threads=1,
        memory_limit_bytes=1 << 28,
        temp_directory=directory / "spill",
        allowed_paths=[directory / "allowed.csv", directory / "out.parquet"],
    )
    yield con
    con.close()


def test_allowed_files_and_registered_tables_are_read_and_written(con, directory):
    con.register("part", pa.table({"x": [1, 2]}))
    assert con.execute("SELECT sum(x) FROM part").fetchone() == (3,)
    assert con.execute(f"FROM read_csv('{directory}/allowed.csv')").fetchall() == [(1,)]
    con.execute(f"COPY part TO '{directory}/out.parquet' (FORMAT parquet, USE_TMP_FILE false)")
    assert (directory / "out.parquet").exists()


ATTACKS = [
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "FROM read_blob('/proc/self/environ')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM read_text('{tmp}/neighbour.csv')",
    "FROM '{tmp}/neighbour.csv'",
    "FROM read_text('{tmp}/x/../../../../../../etc/passwd')",
    "FROM read_text('file:///etc/passwd')",
    "FROM glob('/etc/*')",
    "FROM glob('{tmp}/*')",
    "FROM read_csv('https://127.0.0.1/x.csv')",
    "COPY (SELECT 1) TO '{tmp}/elsewhere.parquet' (FORMAT parquet)",
    "COPY (SELECT 1) TO '/dev/stdout' (FORMAT csv)",
    "EXPORT DATABASE '{tmp}/export'",
    "IMPORT DATABASE '{tmp}/export'",
    "ATTACH '{tmp}/other.db'",
    "INSTALL httpfs",
    "INSTALL httpfs FROM community",
    "LOAD httpfs",
    "LOAD '{tmp}/x.duckdb_extension'",
    "CREATE PERSISTENT SECRET s (TYPE http)",
    "SET threads = 8",
    "SET memory_limit = '1TB'",
    "SET enable_external_access = true",
    "SET allowed_paths = ['/etc/passwd']",
    "SET allowed_directories = ['/etc']",
    "SET temp_directory = '/etc'",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "RESET memory_limit",
    "PRAGMA enable_profiling = 'json'",
    "SELECT getenv('HOME')",
    "SELECT * FROM ATTACKS",
]


@pytest.mark.parametrize("statement", ATTACKS)
def test_nothing_else_is_read_written_loaded_or_set(con, directory, statement):
    with pytest.raises(duckdb.Error):
        con.execute(statement.format(tmp=directory)).fetchall()


def test_the_limits_are_in_force_and_times_are_in_utc(con, directory):
    query = "SELECT current_setting('threads'), current_setting('memory_limit'), current_setting('TimeZone')"
    assert con.execute(query).fetchone() == (1, "256.0 MiB", "UTC")


class Cancelling:
    """A monitor that lets a query start and then cancels it."""

    def __init__(self):
        self.n_checks = 0

    def check(self):
        self.n_checks += 1
        if self.n_checks > 2:
            raise CancelledByRequestError("stop")

    def progress(self, share, phase):
        assert 0 <= share <= 1


_ENDLESS = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range = 7"


def test_a_cancelled_query_ends_and_leaves_no_thread_and_a_usable_connection(con):
    with pytest.raises(CancelledByRequestError):
        run_watched(con, _ENDLESS, Cancelling())
    assert "duckdb-query" not in {thread.name for thread in threading.enumerate()}
    assert con.execute("SELECT 1").fetchone() == (1,)


def test_a_guard_ends_a_query_too(con, monitor):
    def guard():
        raise TooLargeError("too much")

    with pytest.raises(TooLargeError):
        run_watched(con, _ENDLESS, monitor, guard=guard)


def test_an_error_of_the_query_reaches_the_caller(con, monitor):
    with pytest.raises(duckdb.CatalogException):
        run_watched(con, "SELECT * FROM nowhere", monitor)
    assert run_watched(con, "SELECT 1", monitor) == [(1,)]
