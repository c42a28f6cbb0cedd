import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prismlane.common.errors import (
    CancelledByRequestError,
    EmptyDataError,
    InvalidRequestError,
    TooLargeError,
    UnknownColumnError,
    UnreadableDataError,
    UnsupportedMediaError,
)
from prismlane.engine.data.ingest import Ingested, ingest

TABLE = pa.table(
    {
        "id": pa.array([1, 2, None], pa.int64()),
        "share": pa.array([0.5, None, -1.25]),
        "name": pa.array(["Ann", 'Zoë, née "X"', None]),
        "day": pa.array([date(2020, 1, 31), None, date(1969, 12, 31)]),
        "at": pa.array(
            [datetime.fromisoformat("2020-01-01T10:30"), datetime.fromisoformat("1999-12-31T23:59:59"), None],
            pa.timestamp("us"),
        ),
        "ok": pa.array([True, False, None]),
    }
)
TYPES = {
    "id": "BIGINT",
    "share": "DOUBLE",
    "name": "VARCHAR",
    "day": "DATE",
    "at": "TIMESTAMP",
    "ok": "BOOLEAN",
}


def as_csv(table):
    lines = [",".join(table.column_names)]
    for row in table.to_pylist():
        cells = ["" if value is None else str(value) for value in row.values()]
        lines.append(",".join('"' + cell.replace('"', '""') + '"' if "," in cell else cell for cell in cells))
    return ("\n".join(lines) + "\n").encode()


def as_jsonl(table):
    return "".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()).encode()


def as_arrow_file(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def as_arrow_stream(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def as_parquet(table, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def read(tmp_path, monitor):
    """Ingest bytes; returns what came of them and the table as analyses see it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def read(data, name="t.csv", *, max_table_bytes=1 << 30, **options):
        source = tmp_path / "source"
        source.write_bytes(data.encode() if isinstance(data, str) else data)
        ingested = ingest(source, scratch, options, monitor, max_table_bytes=max_table_bytes, name=name)
        return ingested, pq.read_table(ingested.table_path or source)

    return read


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "write", "format_"),
    [
        ("t.csv", as_csv, "csv"),
        ("t.jsonl", as_jsonl, "jsonl"),
        ("t.arrow", as_arrow_file, "arrow"),
        ("t.arrows", as_arrow_stream, "arrow"),
        ("t.parquet", as_parquet, "parquet"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_comes_back_equal_to_what_was_written(read, name, write, format_, packed):
    data = write(TABLE)
    ingested, table = read(gzip.compress(data) if packed else data, name + ".gz" * packed)
    assert table.to_pylist() == TABLE.to_pylist()
    assert {column.name: column.type for column in ingested.columns} == TYPES
    assert (ingested.format, ingested.n_rows) == (format_, 3)
    assert ingested.options["compression"] == ("gzip" if packed else None)
    assert [partition.n_rows for partition in ingested.partitions] == [3]


def test_a_parquet_file_stays_where_it_is_and_an_unpacked_one_becomes_the_table(read):
    assert read(as_parquet(TABLE), "t.parquet")[0].table_path is None
    assert read(gzip.compress(as_parquet(TABLE)), "t.parquet.gz")[0].table_path is not None


def test_what_came_of_a_file_survives_json(read):
    ingested, _ = read(as_csv(TABLE))
    assert Ingested.from_dict(json.loads(json.dumps(ingested.to_dict()))) == ingested


def test_nested_columns_are_kept_with_the_role_other(read):
    table = pa.table({"a": [{"x": 1}], "b": [[1, 2]], "c": [1]})
    for data, name in (
        (as_parquet(table), "t.parquet"),
        (as_arrow_file(table), "t.arrow"),
        (as_jsonl(table), "t.jsonl"),
    ):
        ingested, found = read(data, name)
        assert [column.role for column in ingested.columns] == ["other", "other", "numeric"]
        assert found.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("write", [as_parquet, as_arrow_file])
def test_arrow_types_that_analyses_cannot_read_are_widened_not_dropped(read, write):
    table = pa.table(
        {
            "half": pa.array([0.5, None], pa.float16()),
            "wide": pa.array(
                [Decimal("12345678901234567890123456789012345678901.5"), None], pa.decimal256(50, 1)
            ),
            "word": pa.array(["a", None]).dictionary_encode(),
            "gone": pa.array([None, None], pa.null()),
        }
    )
    ingested, found = read(write(table), "t")
    assert found.to_pylist() == [
        {"half": 0.5, "wide": "12345678901234567890123456789012345678901.5", "word": "a", "gone": None},
        {"half": None, "wide": None, "word": None, "gone": None},
    ]
    assert [column.type for column in ingested.columns] == ["FLOAT", "VARCHAR", "VARCHAR", "VARCHAR"]


def test_dictionaries_within_lists_become_plain_values(read):
    words = pa.array([["a", None], ["b"]], pa.list_(pa.string()))
    encoded = words.cast(pa.list_(pa.dictionary(pa.int32(), pa.string())))
    ingested, found = read(as_parquet(pa.table({"w": encoded})), "t.parquet")
    assert found.to_pydict() == {"w": [["a", None], ["b"]]}
    assert ingested.columns[0].type == "VARCHAR[]"
    assert not pa.types.is_dictionary(found.schema.field("w").type.value_type)


def test_an_arrow_type_that_is_not_read_is_named_with_its_column(read):
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    with pytest.raises(UnreadableDataError, match=r"Column u of t\.arrow is of the Arrow type dense_union"):
        read(as_arrow_file(pa.table({"a": [1], "u": union})), "t.arrow")


@pytest.mark.parametrize("write", [as_parquet, as_arrow_file])
def test_repeated_and_empty_column_names_are_made_unique_with_a_warning(read, write):
    table = pa.table([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "A", ""])
    ingested, found = read(write(table), "t")
    assert found.to_pylist() == [{"a": 1, "A_1": 2, "column2": 3}]
    assert "A (column 2) is called A_1" in ingested.warnings[0]


def test_a_parquet_file_with_a_huge_row_group_is_cut(read, monkeypatch):
    monkeypatch.setattr("prismlane.engine.data.parquet_source.MAX_ROW_GROUP_ROWS", 100_000)
    table = pa.table({"a": range(300_000)})
    ingested, found = read(as_parquet(table, row_group_size=300_000), "t.parquet")
    assert found.equals(table)
    assert "row groups" in ingested.options["rewritten"]
    assert len(ingested.partitions) == 2


@pytest.mark.parametrize("write", [as_arrow_file, as_arrow_stream, as_parquet])
def test_a_file_that_is_cut_off_is_unreadable(read, write):
    data = write(pa.table({"a": list(range(5000)), "b": [str(n) for n in range(5000)]}))
    with pytest.raises(UnreadableDataError, match="t cannot be read"):
        read(data[: len(data) // 2], "t")


def test_packed_data_that_are_cut_off_are_unreadable_and_leave_nothing(read, tmp_path):
    with pytest.raises(UnreadableDataError, match="cannot be unpacked"):
        read(gzip.compress(as_csv(TABLE))[:-9], "t.csv.gz")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_data_packed_twice_are_refused(read):
    with pytest.raises(UnsupportedMediaError, match="twice"):
        read(gzip.compress(gzip.compress(b"a\n1\n")), "t.csv.gz")


# --- limits ---------------------------------------------------------------------------------------


def test_a_gzip_bomb_is_stopped_and_leaves_nothing(read, tmp_path):
    with pytest.raises(TooLargeError, match="unpacks to more than 1,000,000 bytes"):
        read(gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000), "t.csv.gz", max_table_bytes=1_000_000)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_table_above_its_limit_is_stopped_and_leaves_nothing(read, tmp_path):
    rows = "".join(f"{n * 7919 % 99991},{n * 104729 % 99991}\n" for n in range(20_000))
    with pytest.raises(TooLargeError, match="more than 10,000 bytes"):
        read("a,b\n" + rows, max_table_bytes=10_000)
    assert not (tmp_path / "scratch" / "table.parquet").exists()


def test_arrow_data_above_the_limit_are_stopped(read):
    with pytest.raises(TooLargeError):
        read(as_arrow_file(pa.table({"a": range(100_000)})), "t.arrow", max_table_bytes=100_000)


def test_too_many_columns_are_refused(read, monkeypatch):
    monkeypatch.setattr("prismlane.engine.data.conversion.MAX_COLUMNS", 3)
    for data, name in (
        (b"a,b,c,d\n1,2,3,4\n", "t.csv"),
        (as_parquet(TABLE), "t.parquet"),
        (as_jsonl(TABLE), "t.jsonl"),
    ):
        with pytest.raises(UnreadableDataError, match="at most 3 are read"):
            read(data, name)


def test_a_cancelled_ingest_leaves_no_table(tmp_path):
    class Cancelled:
        def check(self):
            raise CancelledByRequestError("stop")

        def progress(self, share, phase):
            raise AssertionError

    source = tmp_path / "t.csv"
    source.write_bytes(as_csv(TABLE))
    with pytest.raises(CancelledByRequestError):
        ingest(source, tmp_path, {}, Cancelled(), max_table_bytes=1 << 30, name="t.csv")
    assert not (tmp_path / "table.parquet").exists()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("t.csv", b""),
        ("t.csv", b"\n\n  \n"),
        ("t.csv", b"a,b,c\n"),
        ("t.jsonl", b"\n"),
        ("t.jsonl", b"[]"),
        ("t.parquet", as_parquet(TABLE.slice(0, 0))),
        ("t.arrow", as_arrow_file(TABLE.slice(0, 0))),
        ("t.csv.gz", gzip.compress(b"")),
    ],
)
def test_data_without_rows_are_empty(read, name, data):
    with pytest.raises(EmptyDataError) as caught:
        read(data, name)
    assert caught.value.hint


# --- types that the user asks for -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"zip,n,x\n01234,1,1.50\n", "t.csv"),
        (b'{"zip":"01234","n":1,"x":"1.50"}\n', "t.jsonl"),
        (as_parquet(pa.table({"zip": ["01234"], "n": [1], "x": ["1.50"]})), "t.parquet"),
        (as_arrow_file(pa.table({"zip": ["01234"], "n": [1], "x": ["1.50"]})), "t.arrow"),
    ],
)
def test_types_are_as_asked_in_every_format(read, data, name):
    _, table = read(data, name, types={"zip": "int", "n": "text", "x": "decimal(10, 2)"})
    assert table.to_pylist() == [{"zip": 1234, "n": "1", "x": Decimal("1.50")}]
    assert table.schema.field("zip").type == pa.int32()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"n\n1\n1.5\n", "t.csv"),
        (b'{"n":1}\n{"n":1.5}\n', "t.jsonl"),
        (as_parquet(pa.table({"n": [1, 1.5]})), "t.parquet"),
    ],
)
def test_a_value_that_is_not_of_the_type_asked_for_is_named_and_never_rounded(read, data, name):
    with pytest.raises(UnreadableDataError, match=r"1\.5"):
        read(data, name, types={"n": "BIGINT"})


def test_a_type_for_an_unknown_column_names_the_closest_ones(read):
    with pytest.raises(UnknownColumnError) as caught:
        read("churned,churn_date\n1,2\n", types={"churn": "BIGINT"})
    assert set(caught.value.facts["closest"]) == {"churned", "churn_date"}


@pytest.mark.parametrize(
    "type_", ["VARCHAR); DROP TABLE x; --", "STRUCT(a INT)", "DECIMAL(99,1)", "DECIMAL(3,4)", ""]
)
def test_a_type_that_is_none_is_refused(read, type_):
    with pytest.raises(InvalidRequestError):
        read("a\n1\n", types={"a": type_})
