"""Requests with something wrong: each is told what, where and what to do, and none is a fault of the server."""

import json

import httpx2
import pytest
from http_settings import MAX_BODY_BYTES

JSON = {"Content-Type": "application/json"}
JOB = "/v1/jobs/job_0_00000000000000000000000000"


def problem(answer: httpx2.Response, status: int, code: str) -> dict:
    """The problem that `answer` is, complete as the API promises it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["code"] == code
    assert found["type"] == f"/problems/{code}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    assert found["hint"]
    assert found["instance"] == answer.request.url.path
    assert found["request_id"] == answer.headers["x-request-id"]
    assert isinstance(found["retryable"], bool)
    return found


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"analysis": "noop", "wat": 1}, "/wat", "is not a known field"),
        ({"analysis": 5}, "/analysis", "string"),
        ({}, "/analysis", "required"),
        ({"analysis": "noop", "priority": 10}, "/priority", "less than or equal to 9"),
        ({"analysis": "noop", "labels": {"a b": "c"}}, "/labels/a b/[key]", "pattern"),
        ({"analysis": "noop", "not_before": "2026-01-01T00:00:00"}, "/not_before", "timezone"),
        ({"analysis": "profile", "dataset": "../etc/passwd"}, "/dataset", "pattern"),
        ({"analysis": "noop", "run_timeout_s": 0}, "/run_timeout_s", "greater than 0"),
        ([], "", "object"),
        ("text", "", "object"),
        (None, "", "required"),
    ],
)
def test_wrong_field_is_pointed_at(http, body, pointer, detail):
    found = problem(http.post("/v1/jobs", json=body), 400, "invalid-request")
    [place] = found["errors"]
    assert place["pointer"] == pointer
    assert detail in place["detail"]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"nonsense",
        b"\xff\xfe{}",
        b"[" * 50_000,
        b'{"a":' * 15_000,
        b'{"analysis": "noop", "seed": ' + b"9" * 5_000 + b"}",
        b'{"analysis": "noop", "seed": 1e999}',
        b'{"analysis": "noop", "labels": {"a": "\\ud800"}}',
        b'{"analysis": "noop", "concurrency_key": "\\ud800"}',
        b'{"analysis": "\\u0000"}',
        b'{"analysis": "\\ud800"}',
    ],
)
def test_body_that_is_no_json_for_a_job_is_refused(http, content):
    answer = http.post("/v1/jobs", content=content, headers=JSON)
    assert answer.status_code in (400, 404)
    problem(answer, answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b"[[[[]]]]", b"1" * 4000])
def test_odd_parameter_is_refused(http, value):
    content = b'{"analysis": "sleep", "params": {"seconds": ' + value + b"}}"
    answer = http.post("/v1/jobs", content=content, headers=JSON)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code, answer.json()["code"])


def test_large_body_is_refused_by_its_length(http):
    body = {"analysis": "noop", "labels": {"a": "x" * MAX_BODY_BYTES}}
    found = problem(http.post("/v1/jobs", json=body), 413, "too-large")
    assert found["facts"] == {"limit_bytes": MAX_BODY_BYTES}


def test_large_body_is_refused_while_it_comes(http):
    content = json.dumps({"analysis": "noop", "labels": {"a": "x" * MAX_BODY_BYTES}}).encode()
    pieces = (content[start : start + 10_000] for start in range(0, len(content), 10_000))
    problem(http.post("/v1/jobs", content=pieces, headers=JSON), 413, "too-large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_body_of_another_kind_is_refused(http, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = http.post("/v1/jobs", content=b'{"analysis": "noop"}', headers=headers)
    problem(answer, 415, "unsupported-media")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_wrong_method_is_refused(http, method):
    problem(http.request(method, "/v1/jobs"), 405, "method-not-allowed")


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/jobs", "/v1/nothing", "/docs", "/v1/jobs/a/b/c"])
def test_unknown_path_is_told(http, path):
    problem(http.get(path), 404, "not-found")


IDS = [
    "job_0_00000000000000000000000000",
    "x",
    "%00",
    "..%2f..%2fetc%2fpasswd",
    "a" * 500,
    "%F0%9F%92%A9",
    "%ED%A0%80",
    "'--",
]


@pytest.mark.parametrize("job_id", IDS)
@pytest.mark.parametrize("rest", ["", "/result", "/report", "/events"])
def test_id_of_no_job_is_not_found(http, job_id, rest):
    answer = http.get(f"/v1/jobs/{job_id}{rest}")
    problem(answer, 404, answer.json()["code"])
    assert answer.json()["code"] in ("job-not-found", "not-found")


@pytest.mark.parametrize("dataset_id", IDS)
@pytest.mark.parametrize("rest", ["", "/schema", "/preview"])
def test_id_of_no_dataset_is_not_found(http, dataset_id, rest):
    answer = http.get(f"/v1/datasets/{dataset_id}{rest}")
    problem(answer, 404, answer.json()["code"])
    assert answer.json()["code"] in ("dataset-not-found", "not-found")


def test_cancel_and_delete_of_nothing_are_not_found(http):
    problem(http.post(f"{JOB}:cancel"), 404, "job-not-found")
    problem(http.delete("/v1/datasets/ds_00000000000000000000000000"), 404, "dataset-not-found")


def test_live_events_of_no_job_are_not_found_before_a_stream_begins(http):
    problem(http.get(f"{JOB}/events", headers={"Accept": "text/event-stream"}), 404, "job-not-found")


@pytest.mark.parametrize(
    "query",
    [
        {"page_size": "0"},
        {"page_size": "1001"},
        {"page_size": "many"},
        {"page_token": "nonsense"},
        {"page_token": "\ud7ff"},
        {"page_token": "!" * 100},
        {"page_token": ""},
        {"state": "sleeping"},
        {"label": "novalue"},
        {"label": ":x"},
    ],
)
def test_wrong_query_of_a_list_is_refused(http, query):
    problem(http.get("/v1/jobs", params=query), 400, "invalid-request")


@pytest.mark.parametrize("last_id", ["x", "-1", "1.5", "9" * 30])
def test_last_event_id_that_is_no_number_is_refused(http, submit, last_id):
    job = submit("noop", wait_s=30)
    answer = http.get(f"{job['links']['events']}", headers={"Last-Event-ID": last_id})
    problem(answer, 400, "invalid-request")


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb"])
def test_idempotency_key_that_is_none_is_refused(http, key):
    answer = http.post("/v1/jobs", json={"analysis": "noop"}, headers={"Idempotency-Key": key})
    problem(answer, 400, "invalid-request")


def test_unknown_analysis_is_answered_with_the_closest_names(http):
    found = problem(http.post("/v1/jobs", json={"analysis": "profil"}), 404, "analysis-not-found")
    assert "profile" in found["hint"]
    assert found["facts"]["closest"][0] == "profile"
    assert problem(http.get("/v1/analyses/profil"), 404, "analysis-not-found")["facts"] == found["facts"]


def test_wrong_parameters_are_pointed_at(http):
    body = {"analysis": "sleep", "params": {"secnds": 1, "seconds": -1}}
    found = problem(http.post("/v1/jobs", json=body), 422, "invalid-parameters")
    told = {place["pointer"]: place["detail"] for place in found["errors"]}
    assert set(told) == {"/secnds", "/seconds"}
    assert "closest: seconds" in told["/secnds"]


def test_unknown_column_is_answered_with_the_closest_ones(http, dataset):
    body = {"analysis": "profile", "dataset": dataset["id"], "params": {"columns": ["unit"]}}
    found = problem(http.post("/v1/jobs", json=body), 422, "unknown-column")
    assert "units" in json.dumps(found)


def test_dataset_that_is_not_there_is_told(http):
    body = {"analysis": "profile", "dataset": "ds_00000000000000000000000000"}
    problem(http.post("/v1/jobs", json=body), 404, "dataset-not-found")


def test_analysis_that_lacks_its_dataset_is_refused(http):
    found = problem(http.post("/v1/jobs", json={"analysis": "profile"}), 422, "invalid-parameters")
    assert "POST /v1/datasets" in found["hint"]


def test_dataset_for_an_analysis_that_reads_none_is_refused(http, dataset):
    body = {"analysis": "noop", "dataset": dataset["id"]}
    problem(http.post("/v1/jobs", json=body), 422, "invalid-parameters")


@pytest.mark.parametrize(
    "body",
    [{"mode": "gently"}, {"grace_s": -1}, {"grace_s": 601}, {"why": "x"}, {"reason": "x" * 501}],
)
def test_wrong_wish_to_cancel_is_refused(http, body):
    problem(http.post(f"{JOB}:cancel", json=body), 400, "invalid-request")
