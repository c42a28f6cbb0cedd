import json
from io import BytesIO, StringIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pretend_gateway import PretendGateway

from prismlane.client import Client, _frames
from prismlane.common.errors import (
    DatasetNotFoundError,
    InvalidRequestError,
    UnreadableDataError,
    UnsupportedMediaError,
)


@pytest.fixture
def gateway():
    return PretendGateway()


@pytest.fixture
def client(gateway):
    with Client("http://127.0.0.1:1", transport=gateway.transport()) as client:
        yield client


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes(b"a;b\n1;2\n")
    return path


@pytest.mark.parametrize("as_", [str, lambda path: path])
def test_a_file_is_sent_under_its_own_name_with_its_length(client, gateway, csv, as_):
    dataset = client.datasets.add(as_(csv), delimiter=";")
    asked = gateway.asked[0]
    assert asked.body == csv.read_bytes()
    assert asked.query["name"] == ["sales.csv"]
    assert json.loads(asked.query["options"][0]) == {"delimiter": ";"}
    assert asked.headers["content-length"] == "8"
    assert asked.headers["content-type"] == "application/octet-stream"
    assert dataset.id in gateway.datasets


def test_bytes_and_files_are_sent_from_where_they_stand(client, gateway):
    client.datasets.add(b"a\n1\n", name="x.csv")
    stream = BytesIO(b"skipped a\n2\n")
    stream.seek(8)
    client.datasets.add(stream, name="y.csv")
    assert [asked.body for asked in gateway.asked] == [b"a\n1\n", b"a\n2\n"]
    assert not stream.closed


def test_a_frame_is_sent_as_parquet(client, gateway):
    frame = pa.table({"a": [1, 2, 3]})
    client.datasets.add(frame)
    sent = gateway.asked[0]
    assert sent.query["name"] == ["frame.parquet"]
    assert pq.read_table(BytesIO(sent.body)) == frame


def test_a_frame_without_pyarrow_says_what_to_install(client, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(_frames.importlib, "import_module", missing)
    with pytest.raises(UnsupportedMediaError) as caught:
        client.datasets.add(pa.table({"a": [1]}))
    assert "pip install pyarrow" in caught.value.hint


@pytest.mark.parametrize("source", [3, StringIO("a\n1\n"), None])
def test_what_is_no_data_is_refused(client, source):
    with pytest.raises(UnsupportedMediaError):
        client.datasets.add(source)


def test_a_missing_file_and_a_directory_are_told_apart(client, tmp_path):
    with pytest.raises(UnreadableDataError, match="does not exist"):
        client.datasets.add(tmp_path / "none.csv")
    with pytest.raises(UnreadableDataError, match="is a directory"):
        client.datasets.add(tmp_path)


def test_unknown_read_options_are_refused(client, csv):
    with pytest.raises(InvalidRequestError, match="delimeter"):
        client.datasets.add(csv, delimeter=";")


def test_a_file_of_the_server_is_registered_by_its_path(client, gateway):
    client.datasets.register("/data/big.parquet", name="big", format="parquet")
    assert gateway.asked[0].json() == {
        "path": "/data/big.parquet",
        "name": "big",
        "options": {"format": "parquet"},
    }


def test_datasets_are_found_listed_shown_and_deleted(client, gateway):
    ids = [gateway.add_dataset(f"{n}.csv") for n in range(5)]
    assert [dataset.id for dataset in client.datasets.list(page_size=2)] == ids[::-1]
    dataset = client.datasets.get(ids[0])
    assert client.datasets.schema(dataset).columns[0].name == "a"
    assert client.datasets.preview(dataset.id, 2).rows == [[1], [None]]
    client.datasets.delete(dataset)
    with pytest.raises(DatasetNotFoundError):
        client.datasets.get(ids[0])


def test_the_catalogue_is_listed_and_shown(client):
    assert [analysis.name for analysis in client.analyses.list()] == ["profile"]
    assert "columns" in client.analyses.get("profile").params_schema["properties"]
