"""CSV as it is found in the wild: read right, or refused with the place, and never in silence."""

from datetime import date, datetime

import pyarrow.parquet as pq
import pytest

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.csv_dialect import SAMPLE_ROWS, unique_names
from prismlane.engine.data.ingest import ingest


@pytest.fixture
def read(tmp_path, monitor):
    """The warnings, and the columns of the table by name."""

    def read(data, **options):
        source = tmp_path / "source"
        source.write_bytes(data.encode() if isinstance(data, str) else data)
        ingested = ingest(source, tmp_path, options, monitor, max_table_bytes=1 << 30, name="t.csv")
        return " ".join(ingested.warnings), pq.read_table(ingested.table_path).to_pydict()

    return read


READ_RIGHT = {
    "semicolons": ("a;b\n1;2\n3;4\n", {"a": [1, 3], "b": [2, 4]}),
    "tabs": ("a\tb\n1\t2\n", {"a": [1], "b": [2]}),
    "pipes": ("a|b\n1|2\n", {"a": [1], "b": [2]}),
    "CRLF": ("a,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
    "CR": ("a,b\r1,2\r3,4\r", {"a": [1, 3], "b": [2, 4]}),
    "no newline at the end": ("a,b\n1,2", {"a": [1], "b": [2]}),
    "empty lines": ("a,b\n\n1,2\n\n3,4\n\n", {"a": [1, 3], "b": [2, 4]}),
    "UTF-8 with a mark": ("a,b\n1,é\n".encode("utf-8-sig"), {"a": [1], "b": ["é"]}),
    "UTF-16": ("a,b\n1,é\n".encode("utf-16"), {"a": [1], "b": ["é"]}),
    "UTF-16, big endian": ("\ufeffa,b\n1,é\n".encode("utf-16-be"), {"a": [1], "b": ["é"]}),
    "leading zeros": ("zip,n\n01234,1\n99999,2\n", {"zip": ["01234", "99999"], "n": [1, 2]}),
    "negative zeros": ("x\n-007\n1\n", {"x": ["-007", "1"]}),
    "quoted newline": ('a,b\n1,"x\ny"\n', {"a": [1], "b": ["x\ny"]}),
    "doubled quotes": ('a,b\n1,"he said ""hi"", twice"\n', {"a": [1], "b": ['he said "hi", twice']}),
    "a bare quote": ('a,b\n1,5" pipe\n2,y\n', {"a": [1, 2], "b": ['5" pipe', "y"]}),
    "missing numbers": ("a,b\n1,NA\nnull,2.5\nN/A,\n", {"a": [1, None, None], "b": [None, 2.5, None]}),
    "hexadecimal": ("a,b\n0x10,1\n", {"a": ["0x10"], "b": [1]}),
    "infinity": ("a\n1.5\ninf\n-inf\n", {"a": [1.5, float("inf"), float("-inf")]}),
    "day first": (
        "d,n\n31/12/2020,1\n01/02/2021,2\n",
        {"d": [date(2020, 12, 31), date(2021, 2, 1)], "n": [1, 2]},
    ),
    "month first": ("d,n\n12/31/2020,1\n", {"d": [date(2020, 12, 31)], "n": [1]}),
    "one column of numbers": ("n\n1\n2\n", {"n": [1, 2]}),
    "quoted SQL in a name": ('a\'b,"c""d"\n1,2\n', {"a'b": [1], 'c"d': [2]}),
}


@pytest.mark.parametrize("case", READ_RIGHT)
def test_it_is_read_right(read, case):
    data, expected = READ_RIGHT[case]
    assert read(data)[1] == expected


READ_WITH_A_WORD = {
    "integers beyond 64 bits": (
        "id,n\n9223372036854775808,1\n1,2\n",
        {"id": ["9223372036854775808", "1"], "n": [1, 2]},
        "no digit is lost: id",
    ),
    "integers beyond 128 bits": (
        "id,n\n170141183460469231731687303715884105729,1\n",
        {"id": ["170141183460469231731687303715884105729"], "n": [1]},
        "no digit is lost: id",
    ),
    "an integer among decimals that a DOUBLE would round": (
        "x\n0.5\n12345678901234567\n",
        {"x": ["0.5", "12345678901234567"]},
        "12345678901234567",
    ),
    "a number that a DOUBLE would make infinite": ("x\n0.5\n1e400\n", {"x": ["0.5", "1e400"]}, "1e400"),
    "repeated and empty names": (
        "a,A,,\n1,2,3,4\n",
        {"a": [1], "A_1": [2], "column2": [3], "column3": [4]},
        "A (column 2) is called A_1",
    ),
    "no header": ("1,2\n3,4\n", {"column0": [1, 3], "column1": [2, 4]}, "no header line"),
    "nothing but text": ("x,y\nfoo,bar\n", {"x": ["foo"], "y": ["bar"]}, "taken as the header"),
    "a title": (
        "Sales of May\n\na,b,c\n1,2,3\n4,5,6\n",
        {"a": [1, 4], "b": [2, 5], "c": [3, 6]},
        "'Sales of May'",
    ),
    "a comment": ("# made by X\na,b\n1,2\n", {"a": [1], "b": [2]}, "'# made by X'"),
    "Windows-1252": ("a,b\n1,café\n".encode("cp1252"), {"a": [1], "b": ["café"]}, "Line 2 is not UTF-8"),
    "two kinds of line ends": ("a,b\r\n1,2\n3,4\r\n", {"a": [1, 3], "b": [2, 4]}, "2 × CRLF, 1 × LF"),
    "a ragged file of semicolons": (
        "a;b\n1;2\n3\n4;5;6\n7;8\n",
        {"a;b": ["1;2", "3", "4;5;6", "7;8"]},
        "Read as one column, though 80% of the first lines hold ';'",
    ),
    "prose": (
        "text\nhello, world\nfoo\nbar, baz, q\n",
        {"text": ["hello, world", "foo", "bar, baz, q"]},
        "All columns are text",
    ),
    "dates that could be either": (
        "d\n01/02/2020\n03/04/2021\n",
        {"d": [date(2020, 2, 1), date(2021, 4, 3)]},
        "the other way round",
    ),
    "NA in a column of text": (
        "c,n\nNA,1\nDE,2\n",
        {"c": [None, "DE"], "n": [1, 2]},
        "missing in text columns: c (1)",
    ),
}


def test_nothing_is_said_of_dates_that_begin_with_the_year(read):
    warnings, table = read("d,n\n2020-02-01,1\n2021-04-03,2\n")
    assert table["d"] == [date(2020, 2, 1), date(2021, 4, 3)]
    assert warnings == ""


@pytest.mark.parametrize("case", READ_WITH_A_WORD)
def test_it_is_read_and_what_was_guessed_or_changed_is_said(read, case):
    data, expected, word = READ_WITH_A_WORD[case]
    warnings, table = read(data)
    assert table == expected
    assert word in warnings


REFUSED = {
    "NUL bytes": (b"a,b\n1,2\n3,\x00\n", "NUL byte on line 3"),
    "UTF-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "NUL byte on line 1"),
    "bytes of no encoding": (b"a,b\n1,\x81\x8d\n", "neither UTF-8 nor cp1252"),
    "a line with a cell too few": (
        "a,b,c\n1,2\n3,4,5\n",
        "Line 2 of t.csv .* 3 columns were expected, 2 found",
    ),
    "a quote that is not closed": ('a,b\n1,"x\n2,y\n', "Line 2 of t.csv .* a quote is opened and not closed"),
    "a line too long": ("a,b\n1," + "x" * 2_000_001 + "\n", "Line 2 of t.csv"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_the_place_and_a_way_out(read, case):
    data, says = REFUSED[case]
    with pytest.raises(UnreadableDataError, match=says) as caught:
        read(data)
    assert caught.value.hint
    assert "/" not in caught.value.detail


def test_more_digits_of_a_second_than_a_timestamp_holds_are_kept(tmp_path, monitor):
    (tmp_path / "source").write_text("t,n\n2020-01-01 00:00:00.123456789,1\n")
    ingested = ingest(tmp_path / "source", tmp_path, {}, monitor, max_table_bytes=1 << 30, name="t.csv")
    assert ingested.columns[0].type == "TIMESTAMP_NS"
    nanoseconds = pq.read_table(ingested.table_path)["t"].cast("int64").to_pylist()
    assert nanoseconds == [1_577_836_800_123_456_789]
    assert "t was read as TIMESTAMP_NS, not TIMESTAMP" in ingested.warnings[0]


def test_null_values_are_as_given(read):
    warnings, table = read("c,n\nNA,1\n-,-\n", null_values=["-"])
    assert table == {"c": ["NA", None], "n": [1, None]}
    assert "'-' was read as missing in text columns: c (1)" in warnings


def test_delimiter_quote_and_header_are_as_given(read):
    _, table = read("'a;a';b\n1;2\n", delimiter=";", quote="'", header=False)
    assert table == {"column0": ["a;a", "1"], "column1": ["b", "2"]}


# --- what comes after the sample ------------------------------------------------------------------

N = SAMPLE_ROWS + 5000


def late(first, last, n=N):
    return "a,b\n" + "".join(f"{first(i)},x\n" for i in range(n)) + f"{last},y\n"


WIDENED = {
    "a decimal among integers": (str, "1.5", "DOUBLE", 1.5),
    "a leading zero among integers": (str, "007", "VARCHAR", "007"),
    "an integer beyond 64 bits": (str, "92233720368547758089", "VARCHAR", "92233720368547758089"),
    "a word among integers": (str, "unknown", "VARCHAR", "unknown"),
    "an exponent among integers": (str, "1e3", "DOUBLE", 1000.0),
    "a word among decimals": (lambda i: f"{i}.5", "unknown", "VARCHAR", "unknown"),
    "a time among dates": (
        lambda i: "2020-01-02",
        "2020-01-02 10:00:00",
        "TIMESTAMP",
        datetime.fromisoformat("2020-01-02T10:00"),
    ),
    "a zone among times": (
        lambda i: "2020-01-02 10:00:00",
        "2020-01-02 10:00:00+02:00",
        "VARCHAR",
        "2020-01-02 10:00:00+02:00",
    ),
    "a day that is none among dates": (lambda i: "2020-01-02", "2020-02-30", "VARCHAR", "2020-02-30"),
    "a word among truths": (lambda i: "true", "maybe", "VARCHAR", "maybe"),
}


@pytest.mark.parametrize("case", WIDENED)
def test_a_late_change_of_type_widens_the_column_and_names_line_and_value(read, case):
    first, last, type_, value = WIDENED[case]
    warnings, table = read(late(first, last))
    assert f"a was read as {type_}" in warnings
    assert f'because of "{last}" on line {N + 2:,}' in warnings
    assert table["a"][-1] == value
    assert None not in table["a"]
    assert len(table["a"]) == N + 1


def test_where_lines_are_not_rows_the_row_is_named(read):
    warnings, _ = read(late(str, '1.5,"two\nlines"\n3').replace(",y\n", ",y\n"))
    assert f"on row {N + 1:,}" in warnings


def test_a_late_line_with_a_cell_too_many_is_refused_with_its_number(read):
    with pytest.raises(UnreadableDataError, match=f"Line {N + 2:,} .* 2 columns were expected, 3 found"):
        read(late(str, "1,2"))


def test_a_late_quoted_delimiter_is_read_right(read):
    assert read(late(str, '1,"x, y"\n2'))[1]["b"][-2] == "x, y"


def test_a_column_that_is_empty_in_the_sample_is_typed_by_the_rest(read):
    _, table = read(late(lambda i: "NA", "5"))
    assert table["a"][-1] == 5
    assert table["a"][0] is None


def test_names_are_told_apart_whatever_the_others_are_called():
    assert unique_names(["a", "a", "a_1", "A", "", " b "]) == ["a", "a_1", "a_1_1", "A_2", "column4", "b"]
