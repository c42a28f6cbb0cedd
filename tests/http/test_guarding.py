"""What every request passes first, and what every answer carries."""

import pytest

PATHS = ["/livez", "/v1/jobs", "/v1/jobs/nothing", "/nowhere", "/metrics", "/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_security_headers(http, path):
    headers = http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers or "/" not in headers["server"]


@pytest.mark.parametrize("path", PATHS)
def test_request_id_is_echoed(http, path):
    answer = http.get(path, headers={"X-Request-Id": "my-request.7"})
    assert answer.headers.get_list("x-request-id") == ["my-request.7"]
    if answer.status_code >= 400:
        assert answer.json()["request_id"] == "my-request.7"


def test_request_without_an_id_gets_one(http):
    ids = {http.get("/livez").headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8700"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "169.254.169.254"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://127.0.0.1.evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
    ],
)
def test_g11_host_or_origin_that_is_not_this_machine_is_refused(http, headers):
    answer = http.post("/v1/jobs", json={"analysis": "noop"}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost"},
        {"Host": "127.0.0.1:1"},
        {"Host": "[::1]:8700"},
        {"Origin": "http://localhost:3000"},
    ],
)
def test_names_of_this_machine_are_served(http, headers):
    assert http.get("/v1/jobs", headers=headers).status_code == 200
