"""An engine with an API key, and one that must not start without."""

import os
import subprocess
import sys

import httpx2
import pytest
from http_settings import API_KEY

from prismlane.client import Client
from prismlane.common.errors import AuthenticationError

with_key = pytest.mark.parametrize("engine", ["secured"], indirect=True)
without_engine = pytest.mark.parametrize("engine", ["none"], indirect=True)

BEARER = {"Authorization": f"Bearer {API_KEY}"}


@with_key
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-key-0123456789"},
        {"Authorization": f"Basic {API_KEY}"},
        {"Authorization": API_KEY},
        {"Authorization": f"Bearer {API_KEY}x"},
        {"Authorization": b"Bearer \xff\xfe"},
        {"X-Api-Key": API_KEY},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/x"),
        ("POST", "/v1/jobs/x:cancel"),
        ("GET", "/v1/jobs/x/result"),
        ("GET", "/v1/jobs/x/report"),
        ("GET", "/v1/jobs/x/events"),
        ("GET", "/v1/datasets"),
        ("POST", "/v1/datasets"),
        ("GET", "/v1/datasets/x"),
        ("GET", "/v1/datasets/x/schema"),
        ("GET", "/v1/datasets/x/preview"),
        ("DELETE", "/v1/datasets/x"),
        ("GET", "/v1/analyses"),
        ("GET", "/v1/analyses/x"),
        ("GET", "/metrics"),
    ],
)
def test_request_without_the_key_is_refused(http, method, path, headers):
    body = {"json": {"analysis": "noop"}} if path == "/v1/jobs" and method == "POST" else {}
    answer = http.request(method, path, headers=headers, **body)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"
    assert API_KEY not in answer.text


@with_key
def test_every_route_but_the_probes_asks_for_the_key(http):
    description = http.get("/openapi.json", headers=BEARER).json()
    open_paths = {
        path
        for path, item in description["paths"].items()
        for method in item
        if http.request(method, path.format(job_id="x", dataset_id="x", name="x")).status_code != 401
    }
    assert open_paths == {"/livez", "/readyz"}


@with_key
def test_right_key_is_let_in(http):
    answer = http.post("/v1/jobs", json={"analysis": "noop"}, headers={**BEARER, "Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")


@with_key
def test_probes_answer_without_a_key_but_tell_nothing_of_the_inside(http):
    assert http.get("/livez").status_code == 200
    told = http.get("/readyz")
    assert told.status_code == 200
    assert told.json()["ready"]
    assert (told.json()["workers"], told.json()["sandbox"]) == ([], {})
    assert len(http.get("/readyz", headers=BEARER).json()["workers"]) == 2


@with_key
def test_client_with_the_key_works_and_one_without_is_told(engine):
    with Client(engine.url, API_KEY) as client:
        assert client.run("noop", timeout=60).analysis == "noop"
    with Client(engine.url) as client, pytest.raises(AuthenticationError) as refused:
        list(client.jobs.list())
    assert "PRISMLANE_API_KEY" in refused.value.hint


@with_key
def test_key_is_in_no_log(engine):
    httpx2.get(f"{engine.url}/v1/jobs", headers=BEARER)
    for path in engine.data_directory.rglob("*"):
        if path.is_file() and path.stat().st_size < 10_000_000:
            assert API_KEY.encode() not in path.read_bytes(), path


@without_engine
def test_public_address_without_a_key_is_not_served(engine, tmp_path):
    up = subprocess.run(
        [sys.executable, "-m", "prismlane", "up", "--host", "0.0.0.0", "--port", "0"],
        env={**os.environ, "PRISMLANE_DATA__DIRECTORY": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert up.returncode == 2
    assert "error[unsafe-bind]" in up.stderr
    assert "PRISMLANE_AUTH__API_KEY" in up.stderr
    assert up.stdout == ""
    assert not (tmp_path / "data").exists()
