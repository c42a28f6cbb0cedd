import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prismlane.common.errors import CancelledByRequestError, TooLargeError, UnreadableDataError
from prismlane.engine.data.materialise import materialise, open_partition

CAP = 1 << 30


@pytest.fixture
def table_path(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": range(1000), "b": [str(n) for n in range(1000)]}), path, row_group_size=100)
    return path


@pytest.fixture
def cache(tmp_path):
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


def test_a_partition_holds_its_row_groups_and_no_others(table_path, cache, monitor):
    n_bytes = materialise(table_path, 2, 5, cache / "p.arrow", monitor, CAP)
    table = open_partition(cache / "p.arrow")
    assert table.equals(pq.read_table(table_path).slice(200, 300))
    assert n_bytes == (cache / "p.arrow").stat().st_size
    assert monitor.told[-1] == (1.0, "decoding")
    assert [path.name for path in cache.iterdir()] == ["p.arrow"]


def test_an_open_partition_is_mapped_and_not_copied(table_path, cache, monitor):
    materialise(table_path, 0, 10, cache / "p.arrow", monitor, CAP)
    before = pa.total_allocated_bytes()
    table = open_partition(cache / "p.arrow")
    assert table.num_rows == 1000
    assert pa.total_allocated_bytes() - before < 1000
    assert table.get_total_buffer_size() > 8000


def test_no_row_groups_make_an_empty_table_of_the_same_columns(table_path, cache, monitor):
    materialise(table_path, 0, 0, cache / "p.arrow", monitor, CAP)
    table = open_partition(cache / "p.arrow")
    assert (table.num_rows, table.column_names) == (0, ["a", "b"])


def test_a_dictionary_column_becomes_plain_values(tmp_path, cache, monitor):
    words = [f"w{n // 1000}" for n in range(40_000)]
    path = tmp_path / "words.parquet"
    table = pa.table({"w": pa.array(words).dictionary_encode(), "n": range(40_000)})
    pq.write_table(table, path, row_group_size=20_000)
    materialise(path, 0, 2, cache / "p.arrow", monitor, CAP)
    found = open_partition(cache / "p.arrow")
    assert found["w"].to_pylist() == words
    assert found.schema.field("w").type == pa.string()


def test_a_small_file_that_decodes_to_much_is_stopped_and_leaves_nothing(tmp_path, cache, monitor):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"a": pa.array(["x" * 1000] * 40_000)}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(TooLargeError, match="more than 2,000,000 bytes"):
        materialise(path, 0, 1, cache / "p.arrow", monitor, 2_000_000)
    assert list(cache.iterdir()) == []


def test_a_cancelled_materialisation_leaves_nothing(table_path, cache):
    class Cancelled:
        def check(self):
            raise CancelledByRequestError("stop")

        def progress(self, share, phase):
            raise AssertionError

    with pytest.raises(CancelledByRequestError):
        materialise(table_path, 0, 10, cache / "p.arrow", Cancelled(), CAP)
    assert list(cache.iterdir()) == []


def test_damaged_pages_are_unreadable_and_leave_nothing(tmp_path, cache, monitor):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [str(n * 7919) for n in range(10_000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[4:60] = bytes(56)
    path.write_bytes(data)
    with pytest.raises(UnreadableDataError, match="cannot be decoded"):
        materialise(path, 0, 1, cache / "p.arrow", monitor, CAP)
    assert list(cache.iterdir()) == []


def test_a_file_that_is_no_parquet_is_unreadable(tmp_path, cache, monitor):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1" + b"x" * 100 + b"PAR1")
    with pytest.raises(UnreadableDataError):
        materialise(path, 0, 1, cache / "p.arrow", monitor, CAP)


def test_a_table_that_is_gone_is_an_error_of_the_machine(tmp_path, cache, monitor):
    with pytest.raises(FileNotFoundError):
        materialise(tmp_path / "gone.parquet", 0, 1, cache / "p.arrow", monitor, CAP)
