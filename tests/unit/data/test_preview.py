import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import inf, nan

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.preview import preview

CASES = {
    "small integers": (pa.array([1, None]), [1, None]),
    "large integers": (pa.array([2**53, 2**53 + 1, -(2**60)]), [2**53, str(2**53 + 1), str(-(2**60))]),
    "decimals": (pa.array([Decimal("1.10"), None]), ["1.10", None]),
    "floats": (pa.array([0.5, nan, inf, -inf, None]), [0.5, "NaN", "Infinity", "-Infinity", None]),
    "truths": (pa.array([True, None]), [True, None]),
    "dates": (pa.array([date(2020, 1, 31), None]), ["2020-01-31", None]),
    "times": (
        pa.array(
            [
                datetime.fromisoformat("2020-01-31T10:00"),
                datetime.fromisoformat("2020-01-31T10:00:00.000005"),
            ],
            pa.timestamp("us"),
        ),
        ["2020-01-31T10:00:00", "2020-01-31T10:00:00.000005"],
    ),
    "nanoseconds": (pa.array([1], pa.timestamp("ns")), ["1970-01-01T00:00:00.000000001"]),
    "far times": (pa.array([2**55], pa.timestamp("us")), ["3111-09-16T23:10:18.963968"]),
    "zoned times": (
        pa.array([datetime.fromisoformat("2020-01-31T10:00")], pa.timestamp("us", "UTC")),
        ["2020-01-31T10:00:00Z"],
    ),
    "times of day": (pa.array([time(10, 30)]), ["10:30:00"]),
    "durations": (pa.array([timedelta(seconds=90)]), ["PT90S"]),
    "bytes": (pa.array([b"\x00\xff", b"x" * 17]), ["0x00ff", "0x" + "78" * 16 + "…"]),
    "nested": (
        pa.array([{"a": [2**60, 1], "b": nan, "d": date(2020, 1, 1)}]),
        [{"a": [str(2**60), 1], "b": "NaN", "d": "2020-01-01"}],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_value_is_json(tmp_path, case):
    column, expected = CASES[case]
    pq.write_table(pa.table({"x": column}), tmp_path / "t.parquet")
    names, rows = preview(tmp_path / "t.parquet", 10)
    assert names == ["x"]
    assert rows == [[value] for value in expected]
    json.dumps(rows, allow_nan=False)


def test_only_the_rows_asked_for_come_and_only_from_the_first_row_group(tmp_path):
    pq.write_table(pa.table({"a": range(100)}), tmp_path / "t.parquet", row_group_size=10)
    assert preview(tmp_path / "t.parquet", 3) == (["a"], [[0], [1], [2]])
    assert len(preview(tmp_path / "t.parquet", 50)[1]) == 10
    assert preview(tmp_path / "t.parquet", 0) == (["a"], [])


def test_a_damaged_table_is_unreadable(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UnreadableDataError):
        preview(tmp_path / "t.parquet", 3)
