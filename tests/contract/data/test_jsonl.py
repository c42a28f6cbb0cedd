import pyarrow.parquet as pq
import pytest

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.ingest import ingest


@pytest.fixture
def read(tmp_path, monitor):
    def read(data):
        source = tmp_path / "source"
        source.write_bytes(data.encode() if isinstance(data, str) else data)
        ingested = ingest(source, tmp_path, {}, monitor, max_table_bytes=1 << 30, name="t.jsonl")
        return " ".join(ingested.warnings), pq.read_table(ingested.table_path).to_pylist()

    return read


def test_keys_and_types_come_from_all_lines(read):
    lines = "".join(f'{{"a": {n}}}\n' for n in range(25_000))
    _, rows = read(lines + '{"a": 1.5, "late": "x"}\n')
    assert rows[0] == {"a": 0.0, "late": None}
    assert rows[-1] == {"a": 1.5, "late": "x"}


def test_an_array_of_objects_is_read_too(read):
    assert read('[{"a": 1},\n {"a": 2}]')[1] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "number", ["9223372036854775808", "123456789012345678901234567890", "-9223372036854775809"]
)
def test_an_integer_beyond_64_bits_keeps_its_digits_as_text(read, number):
    warnings, rows = read(f'{{"a": {number}, "b": [1], "c": 1}}\n{{"a": 1, "c": "x"}}\n')
    assert [row["a"] for row in rows] == [number, "1"]
    assert [row["b"] for row in rows] == [[1], None]
    assert [row["c"] for row in rows] == ["1", "x"]
    assert "no digit is lost: a" in warnings


def test_values_of_several_kinds_are_read_as_text(read):
    warnings, rows = read('{"a": true}\n{"a": 1}\n{"a": "x"}\n{"a": [1]}\n{"a": null}\n')
    assert [row["a"] for row in rows] == ["true", "1", "x", "[1]", None]
    assert "several kinds" in warnings


def test_text_that_looks_like_a_number_stays_text(read):
    assert read('{"zip": "01234"}\n')[1] == [{"zip": "01234"}]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ('{"a": 1}\n\n{"a":\n', "Line 3 of t.jsonl is no JSON object"),
        ('{"a": 1}\n{"a": 2}x\n', "Line 2 of t.jsonl is no JSON object"),
        ("1\n2\n", "Line 1 of t.jsonl is no JSON object"),
        ('{"a": 1, "a": 2}\n', 'duplicate key "a"'),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}\n", "recursion depth"),
        ("[1, 2]\n[3, 4]\n", "cannot be read"),
        (b'{"a": "\x00"}\n', "NUL byte on line 1"),
    ],
)
def test_what_is_no_line_of_json_is_refused_with_the_place(read, data, says):
    with pytest.raises(UnreadableDataError, match=says) as caught:
        read(data)
    assert "/source" not in caught.value.detail
