"""Datasets: registered by upload or by path, looked at, deleted."""

import gzip
import io
import json
import socket
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_streams import running
from http_settings import MAX_UPLOAD_BYTES

from prismlane.common import wire

TABLE = pa.table({"name": ["a", "b", None], "size": [1, 2, 3]})


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    return buffer.getvalue()


def as_arrow() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return sink.getvalue().to_pybytes()


def as_zip(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "a,b\n1,2\n")
    return buffer.getvalue()


def rows(path: str, http) -> list:
    """The rows of a preview."""
    return http.get(f"{path}/preview").json()["rows"]


def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds; what it speaks of happens in another process and is told nowhere."""
    give_up_at = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def blob_files(engine) -> list[Path]:
    """The files of the blob directory, half-written ones too."""
    return [path for path in (engine.data_directory / "blobs").rglob("*") if path.is_file()]


@pytest.fixture
def upload(http):
    """Uploads a file."""

    def upload(name, content, **query):
        return http.post("/v1/datasets", params={"name": name, **query}, content=content)

    return upload


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"name,size\na,1\nb,2\n,3\n"),
        ("t.csv.gz", gzip.compress(b"name,size\na,1\nb,2\n,3\n")),
        ("t.jsonl", b'{"name":"a","size":1}\n{"name":"b","size":2}\n{"name":null,"size":3}\n'),
        ("t.parquet", as_parquet()),
        ("t.arrow", as_arrow()),
    ],
    ids=["csv", "csv.gz", "jsonl", "parquet", "arrow"],
)
def test_upload_of_every_format_is_a_dataset_with_schema_and_rows(http, upload, name, content):
    answer = upload(name, content)
    assert answer.status_code == 201, answer.text
    dataset = wire.DatasetView.model_validate(answer.json())
    path = answer.headers["location"]
    assert path == f"/v1/datasets/{dataset.id}"
    assert (dataset.name, dataset.n_rows, dataset.n_columns) == (name, 3, 2)
    assert dataset.n_bytes == len(content)
    assert http.get(path).json() == answer.json()
    schema = wire.SchemaView.model_validate(http.get(f"{path}/schema").json())
    assert [(column.name, column.type) for column in schema.columns] == [
        ("name", "VARCHAR"),
        ("size", "BIGINT"),
    ]
    assert rows(path, http) == [["a", 1], ["b", 2], [None, 3]]
    assert http.get(f"{path}/preview", params={"rows": 1}).json() == {
        "columns": ["name", "size"],
        "rows": [["a", 1]],
        "n_rows": 3,
    }


def test_same_data_under_the_same_name_are_the_same_dataset(upload):
    first, again = upload("same.csv", b"a\n1\n"), upload("same.csv", b"a\n1\n")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert upload("other.csv", b"a\n1\n").status_code == 201


def test_g2_upload_with_a_key_is_replayed(http):
    headers = {"Idempotency-Key": "upload-1"}
    posts = [
        http.post("/v1/datasets", params={"name": "keyed.csv"}, content=b"k\n1\n", headers=headers)
        for _ in "ab"
    ]
    assert [post.status_code for post in posts] == [201, 200]
    assert posts[1].headers["idempotency-replayed"] == "true"
    assert posts[0].json()["id"] == posts[1].json()["id"]
    other = http.post("/v1/datasets", params={"name": "keyed.csv"}, content=b"k\n2\n", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-mismatch")


def test_options_say_how_a_file_is_read(http, upload):
    options = json.dumps({"delimiter": "|", "header": False, "types": {"column0": "VARCHAR"}})
    answer = upload("piped.csv", b"01|x\n02|y\n", options=options)
    assert answer.status_code == 201, answer.text
    assert rows(answer.headers["location"], http) == [["01", "x"], ["02", "y"]]


@pytest.mark.parametrize("options", ["{", "[]", '{"delimeter": ";"}', '{"format": "xml"}', "NaN"])
def test_wrong_options_are_refused(upload, options):
    answer = upload("t.csv", b"a\n1\n", options=options)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")


def test_upload_without_a_name_is_refused(http):
    answer = http.post("/v1/datasets", content=b"a\n1\n")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.pkl", b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s."),
        ("t.zip", as_zip("t.csv")),
        ("t.xlsx", as_zip("xl/workbook.xml")),
        ("t.csv", as_zip("t.csv")),
        ("t.csv", b"<!doctype html><html><body>404</body></html>"),
    ],
    ids=["pickle", "zip", "xlsx", "zip as csv", "page as csv"],
)
def test_file_of_a_kind_that_is_not_read_is_refused(upload, name, content):
    answer = upload(name, content)
    assert answer.status_code == 415
    found = answer.json()
    assert found["code"] == "unsupported-media"
    assert found["hint"]


def test_form_is_refused(http):
    answer = http.post("/v1/datasets", files={"file": ("t.csv", b"a\n1\n")})
    assert answer.status_code == 415
    assert "--data-binary" in answer.json()["hint"]


def test_bad_line_is_named(upload, engine):
    answer = upload("t.csv", b'a,b\n1,2\n3,4\n5,"6\n')
    assert answer.status_code == 422, answer.text
    found = answer.json()
    assert found["code"] == "unreadable-data"
    assert "line 4" in found["detail"] or found["facts"].get("line") == 4
    assert str(engine.data_directory) not in answer.text


@pytest.mark.parametrize("content", [b"", b"a,b\n"])
def test_file_without_rows_is_refused(upload, content):
    answer = upload("t.csv", content)
    assert (answer.status_code, answer.json()["code"]) == (422, "empty-data")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_damaged_file_is_refused(upload, name, engine):
    content = as_parquet() if name == "t.parquet" else as_arrow()
    answer = upload(name, content[: len(content) // 2])
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable-data")
    assert str(engine.data_directory) not in answer.text


def test_upload_above_the_limit_is_refused_and_nothing_is_kept(http, engine):
    before = blob_files(engine)
    content = b"a\n" + b"1\n" * (MAX_UPLOAD_BYTES // 2)
    pieces = (content[start : start + 500_000] for start in range(0, len(content), 500_000))
    for body in (content, pieces):
        answer = http.post("/v1/datasets", params={"name": "big.csv"}, content=body)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert blob_files(engine) == before


def test_upload_that_breaks_off_leaves_nothing(http, engine):
    before = set(blob_files(engine))
    host, _, port = engine.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/datasets?name=broken.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\na\n" + b"1\n" * 100_000
        )
        until(lambda: set(blob_files(engine)) - before)
    until(lambda: set(blob_files(engine)) <= before)
    names = [dataset["name"] for dataset in http.get("/v1/datasets").json()["datasets"]]
    assert "broken.csv" not in names


def test_file_below_a_root_is_registered_by_its_path(http, roots):
    (roots / "inner").mkdir(exist_ok=True)
    (roots / "inner" / "by_path.csv").write_text("p\n1\n2\n")
    for path in ("inner/by_path.csv", str(roots / "inner" / "by_path.csv")):
        answer = http.post("/v1/datasets", json={"path": path, "options": {"types": {"p": "VARCHAR"}}})
        assert answer.status_code in (200, 201), answer.text
        assert answer.json()["name"] == "by_path.csv"
        assert answer.json()["columns"] == [{"name": "p", "type": "VARCHAR", "role": "categorical"}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/etc/passwd", 403),
        ("/proc/self/environ", 403),
        ("../up.log", 400),
        ("inner/../../up.log", 400),
        ("a\0b", 400),
        ("link.csv", 403),
        ("not_there.csv", 404),
        ("", 400),
        (".", 400),
        ("x" * 5000, 400),
        ("x/" * 2000, 404),
        ("\ud7ff\u202e.csv", 404),
    ],
)
def test_path_out_of_the_roots_is_refused(http, roots, path, status):
    link = roots / "link.csv"
    if not link.is_symlink():
        link.symlink_to("/etc/passwd")
    answer = http.post("/v1/datasets", json={"path": path})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "root:" not in answer.text


def test_list_of_datasets_has_pages(http, upload):
    ids = [upload(f"page{n}.csv", f"page{n}\n1\n".encode()).json()["id"] for n in range(3)]
    first = http.get("/v1/datasets", params={"page_size": 2}).json()
    second = http.get("/v1/datasets", params={"page_size": 2, "page_token": first["next_page_token"]}).json()
    listed = [dataset["id"] for dataset in first["datasets"] + second["datasets"]]
    assert listed[:3] == ids[::-1]


def test_deleted_dataset_is_gone_and_may_come_again(http, upload):
    first = upload("gone.csv", b"gone\n1\n")
    path = first.headers["location"]
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404
    assert http.delete(path).status_code == 404
    again = upload("gone.csv", b"gone\n1\n")
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]


def test_dataset_that_a_job_reads_is_not_deleted(http, upload, submit):
    dataset = upload("in_use.csv", b"in_use\n1\n").json()
    job = submit("row_count", {"seconds": 600}, dataset=dataset["id"])
    running(http, job["id"])
    refused = http.delete(f"/v1/datasets/{dataset['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset-in-use")
    assert refused.json()["facts"]["jobs"] == [job["id"]]
    http.post(f"{job['links']['self']}:cancel", json={"mode": "force"})
