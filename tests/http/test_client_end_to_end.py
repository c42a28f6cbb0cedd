"""The product's own clients on a real engine."""

import copy
import io

import pyarrow as pa
import pytest

from prismlane.common.errors import (
    DatasetInUseError,
    DatasetNotFoundError,
    JobCancelledError,
    JobFailedError,
    JobNotFoundError,
    UnknownColumnError,
    UnreadableDataError,
    WaitTimeoutError,
)


@pytest.fixture
def sales_file(tmp_path, sales):
    """`sales` as a file."""
    path = tmp_path / "sales.csv"
    path.write_bytes(sales)
    return path


def test_data_are_added_from_whatever_holds_them(client, sales, sales_file):
    from_path = client.datasets.add(sales_file)
    assert (from_path.name, from_path.n_rows) == ("sales.csv", 40)
    assert client.datasets.add(sales, name="sales.csv").id == from_path.id
    with sales_file.open("rb") as file:
        assert client.datasets.add(file).id == from_path.id
    assert client.datasets.add(io.BytesIO(sales), name="sales.csv").id == from_path.id
    frame = client.datasets.add(pa.table({"n": [1, 2, 3]}), name="frame.parquet")
    assert (frame.format, frame.n_rows) == ("parquet", 3)
    assert client.datasets.preview(frame, 2).rows == [[1], [2]]
    assert [column.name for column in client.datasets.schema(from_path).columns] == [
        "day",
        "region",
        "units",
        "price",
    ]
    assert frame.id in [dataset.id for dataset in client.datasets.list(limit=5)]


def test_data_are_registered_where_the_server_has_them(client, roots, sales):
    (roots / "of_the_server.csv").write_bytes(sales)
    assert client.datasets.register("of_the_server.csv", delimiter=",").n_rows == 40


def test_profile_goes_from_a_file_to_findings_tables_and_a_report(client, sales_file, tmp_path):
    job = client.submit("profile", client.datasets.add(sales_file), labels={"for": "the client"})
    events = list(job.events())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "job.succeeded"
    result = job.result(timeout=60)
    assert result.dataset.n_rows == 40
    assert result.findings
    assert any("price" in row.values() for row in result.table(result.tables[0].name).to_dicts())
    saved = job.report().save(tmp_path / "report.html")
    assert saved.read_text().startswith("<!doctype html>")
    again = client.jobs.get(job.id)
    assert (again.state, list(again.history())) == ("succeeded", events)
    listed = client.jobs.list(labels={"for": "the client"}, analysis="profile")
    assert next(listed).id == job.id


def test_run_is_submit_and_result_in_one(client):
    assert client.run("sleep", seconds=0.1, timeout=60).output == {"seconds": 0.1}


def test_events_go_on_over_a_stream_that_the_server_closes(client):
    job = client.submit("sleep", seconds=5)
    assert [event.type for event in job.events()] == ["job.accepted", "attempt.claimed", "job.succeeded"]


def test_wait_that_is_too_short_leaves_the_job_alone(client):
    job = client.submit("sleep", seconds=600)
    with pytest.raises(WaitTimeoutError):
        job.result(timeout=0.2)
    assert job.cancel(mode="force", reason="enough").state in ("cancelling", "cancelled")
    with pytest.raises(JobCancelledError):
        job.result(timeout=60)


def test_errors_come_as_their_classes(client, sales_file, tmp_path):
    with pytest.raises(JobFailedError, match="negative") as failed:
        client.run("fail", message="The prices are negative.")
    assert str(copy.deepcopy(failed.value)) == str(failed.value)
    with pytest.raises(JobNotFoundError) as missing:
        client.jobs.get("job_0_00000000000000000000000000")
    assert missing.value.request_id
    dataset = client.datasets.add(sales_file)
    with pytest.raises(UnknownColumnError):
        client.submit("profile", dataset, columns=["unit"])
    with pytest.raises(UnreadableDataError):
        client.datasets.add(b'a,b\n1,2\n3,"4\n', name="bad.csv")


def test_dataset_in_use_is_deleted_when_it_is_free(client):
    dataset = client.datasets.add(b"free\n1\n", name="free.csv")
    job = client.submit("row_count", dataset, seconds=600)
    with pytest.raises(DatasetInUseError):
        client.datasets.delete(dataset)
    job.cancel(mode="force")
    assert job.wait(60).state == "cancelled"
    client.datasets.delete(dataset)
    with pytest.raises(DatasetNotFoundError):
        client.datasets.get(dataset.id)


async def test_async_client_does_the_same(async_client, sales, tmp_path):
    dataset = await async_client.datasets.add(sales, name="sales.csv")
    assert (await async_client.datasets.add(pa.table({"n": [1]}), name="one.parquet")).n_rows == 1
    job = await async_client.submit("profile", dataset)
    events = [event async for event in job.events()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    result = await job.result(timeout=60)
    assert result.dataset.n_rows == 40
    (await job.report()).save(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 1000
    slow = await async_client.submit("sleep", seconds=600)
    assert (await slow.cancel(mode="force")).state in ("cancelling", "cancelled")
    with pytest.raises(JobCancelledError):
        await slow.result(timeout=60)
    with pytest.raises(JobFailedError):
        await async_client.run("fail")
    assert slow.id in [listed.id async for listed in async_client.jobs.list(limit=5)]
