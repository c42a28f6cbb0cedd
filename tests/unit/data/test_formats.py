import pytest

from prismlane.common.errors import EmptyDataError, UnreadableDataError, UnsupportedMediaError
from prismlane.engine.data.formats import Detected, detect


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("a.csv", b"a,b\n1,2\n", Detected("csv")),
        ("a.TSV", b"a\tb\n", Detected("csv")),
        ("unnamed", b"a,b\n1,2\n", Detected("csv")),
        ("a.jsonl", b'{"a": 1}\n', Detected("jsonl")),
        ("unnamed", b'{"a": 1}\n', Detected("jsonl")),
        ("unnamed", b'[\n {"a": 1}]', Detected("jsonl")),
        ("a.parquet", b"PAR1....", Detected("parquet")),
        ("wrongly_named.csv", b"PAR1....", Detected("parquet")),
        ("a.feather", b"ARROW1\0\0", Detected("arrow")),
        ("stream", b"\xff\xff\xff\xff\x10\0\0\0", Detected("arrow")),
        ("a.csv.gz", b"\x1f\x8b\x08\0", Detected(None, gzipped=True)),
    ],
)
def test_bytes_that_cannot_be_mistaken_win_and_the_name_decides_between_texts(name, head, expected):
    assert detect(name, head) == expected


def test_a_given_format_decides_between_texts():
    assert detect("data.txt", b'{"a": 1}\n', given="jsonl") == Detected("jsonl")


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [
        ("model.pkl", b"\x80\x04\x95", "pickle"),
        ("book.xlsx", b"PK\x03\x04" + b"\0" * 40, "Excel"),
        ("unnamed", b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml", "Excel"),
        ("files.zip", b"PK\x03\x04" + b"\0" * 40, "zip"),
        ("page.csv", b"\n <!DOCTYPE html><html>", "web page"),
        ("page.csv", b"\xef\xbb\xbf<html>", "web page"),
        ("a.csv", b"\x89PNG\r\n", "PNG"),
        ("a.csv", b"%PDF-1.7", "PDF"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd", "Zstandard"),
        ("a.tar", b"\0" * 257 + b"ustar", "tar"),
        ("a.db", b"\0" * 8 + b"DUCK", "DuckDB"),
        ("a.db", b"SQLite format 3\0", "SQLite"),
    ],
)
def test_a_foreign_kind_of_file_is_refused_by_its_name_with_a_way_out(name, head, says):
    with pytest.raises(UnsupportedMediaError, match=says) as caught:
        detect(name, head)
    assert caught.value.hint


def test_a_text_called_parquet_is_unreadable():
    with pytest.raises(UnreadableDataError, match="no parquet file"):
        detect("a.parquet", b"a,b\n1,2\n")


def test_a_given_format_that_the_bytes_contradict_is_unreadable():
    with pytest.raises(UnreadableDataError, match="parquet by its first bytes, not csv"):
        detect("a", b"PAR1....", given="csv")


def test_a_file_without_bytes_is_empty():
    with pytest.raises(EmptyDataError, match="0 bytes"):
        detect("a.csv", b"")
