import inspect
import re
from io import BytesIO

import httpx2
import pytest
from pretend_gateway import PretendGateway, event, problem, sse

import prismlane.client as package
from prismlane.client import AsyncClient, Client
from prismlane.common.errors import JobFailedError, NotReadyError, WaitTimeoutError

PAIRS = [
    (package.Client, package.AsyncClient),
    (package.Job, package.AsyncJob),
    *(
        (
            type(getattr(Client("http://127.0.0.1:1"), name)),
            type(getattr(AsyncClient("http://127.0.0.1:1"), name)),
        )
        for name in ("jobs", "datasets", "analyses")
    ),
]
SAME_ELSEWHERE = {"__enter__": "__aenter__", "__exit__": "__aexit__"}


def surface(cls):
    return {
        name: member
        for name, member in inspect.getmembers(cls)
        if (not name.startswith("_") or name in {*SAME_ELSEWHERE, *SAME_ELSEWHERE.values()})
    }


def as_async(text):
    text = text.replace("AsyncIterator", "Iterator")
    text = re.sub(r"AsyncGenerator\[(.*?)(, None)?\]$", r"Iterator[\1]", text)
    return re.sub(r"Async(Client|Job)", r"\1", text.replace(".async_", "."))


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS, ids=lambda cls: cls.__name__)
def test_both_clients_have_the_same_surface(sync, asynchronous):
    theirs = surface(asynchronous)
    ours = {SAME_ELSEWHERE.get(name, name): member for name, member in surface(sync).items()}
    assert ours.keys() == theirs.keys()
    for name, member in ours.items():
        other = theirs[name]
        if not callable(member):
            continue
        mine, its = inspect.signature(member), inspect.signature(other)
        assert str(mine.replace(return_annotation=())) == str(its.replace(return_annotation=())), name
        returned = [as_async(str(each.return_annotation)) for each in (mine, its)]
        assert returned[0] == returned[1], name
        assert inspect.iscoroutinefunction(other) or inspect.isasyncgenfunction(other), name


@pytest.fixture
def gateway():
    return PretendGateway()


async def nothing(seconds):
    pass


@pytest.fixture
async def client(gateway):
    async with AsyncClient("http://127.0.0.1:1", transport=gateway.transport()) as client:
        client._transport.sleep = nothing
        yield client


async def test_run_submits_and_brings_the_result(client, gateway):
    gateway.looks_until_end = 3
    gateway.first = [httpx2.ConnectError("refused"), problem(NotReadyError())]
    result = await client.run("profile", gateway.add_dataset())
    assert result.title == "Profile of flights"


async def test_a_stream_that_breaks_off_is_taken_up(client, gateway):
    id_ = gateway.add_job()
    gateway.streams = [
        [event(id_, 1, "job.accepted"), httpx2.ReadError("cut")],
        [event(id_, 2, "job.succeeded"), sse("end", {})],
    ]
    job = await client.jobs.get(id_)
    assert [seen.seq async for seen in job.events()] == [1, 2]


async def test_ends_without_a_result_are_raised(client, gateway):
    gateway.end_state = "failed"
    job = await client.submit("profile")
    with pytest.raises(JobFailedError) as caught:
        await job.result()
    assert caught.value.job is job


async def test_a_wait_that_is_too_short_is_told(client, gateway):
    gateway.looks_until_end = 10**9
    with pytest.raises(WaitTimeoutError):
        await (await client.submit("profile")).wait(0)


async def test_uploads_are_sent_whole(client, gateway):
    content = b"a\n" + b"1\n" * (1 << 20)
    await client.datasets.add(BytesIO(content), name="x.csv")
    assert gateway.asked[0].body == content


async def test_lists_cross_pages(client, gateway):
    ids = [gateway.add_job() for _ in range(5)]
    assert [job.id async for job in client.jobs.list(page_size=2)] == ids[::-1]
    datasets = [gateway.add_dataset() for _ in range(3)]
    assert [dataset.id async for dataset in client.datasets.list(page_size=2)] == datasets[::-1]


async def test_the_rest_of_a_job_works_too(client, gateway, tmp_path):
    job = await client.submit("profile")
    assert (await job.report()).html.startswith("<!doctype html>")
    assert [seen.seq async for seen in job.history()] == [1, 2, 3]
    assert (await job.cancel(reason="enough")).state == "cancelled"
    assert [analysis.name for analysis in await client.analyses.list()] == ["profile"]
    assert (await client.ready()).ready
