"""What a job leaves: its result and its report."""

import hashlib
import re

import pytest
from event_streams import running

from prismlane.common import wire


@pytest.fixture
def profiled(submit, dataset) -> dict:
    """A profile of `sales` that has ended."""
    return submit("profile", dataset=dataset["id"], wait_s=60)


def test_result_is_the_documented_model_and_tagged_by_its_bytes(http, profiled):
    answer = http.get(profiled["links"]["result"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert answer.headers["etag"] == f'"{profiled["result_hash"]}"'
    result = wire.Result.model_validate_json(answer.content, strict=False)
    assert result.model_dump(mode="json") == answer.json()
    assert result.dataset.n_rows == 40
    assert result.findings


def test_known_result_is_not_sent_again(http, profiled):
    answer = http.get(profiled["links"]["result"], headers={"If-None-Match": f'"{profiled["result_hash"]}"'})
    assert answer.status_code == 304
    assert answer.content == b""


def test_g14_same_job_again_gives_the_same_bytes(submit, dataset, profiled):
    assert submit("profile", dataset=dataset["id"], wait_s=60)["result_hash"] == profiled["result_hash"]


def test_result_of_a_running_job_is_not_ready(http, submit):
    job = submit("sleep", {"seconds": 600})
    running(http, job["id"])
    for what in ("result", "report"):
        answer = http.get(f"/v1/jobs/{job['id']}/{what}")
        assert answer.status_code == 409
        assert answer.json()["code"] == "result-not-ready"
        assert answer.json()["retryable"]
        assert answer.headers["retry-after"] == "1"
    http.post(f"{job['links']['self']}:cancel", json={"mode": "force"})


def test_failed_job_has_no_result_and_says_why(http, submit):
    job = submit("fail", {"message": "The prices are negative."}, wait_s=30)
    for what in ("result", "report"):
        answer = http.get(f"/v1/jobs/{job['id']}/{what}")
        assert answer.status_code == 409
        found = answer.json()
        assert found["code"] == "no-result"
        assert "The prices are negative." in found["detail"]
        assert found["facts"] == {"state": "failed", "reason": "error"}


def test_report_is_a_page_whose_header_and_own_policy_agree(http, profiled):
    answer = http.get(profiled["links"]["report"])
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert profiled["id"] in answer.headers["content-disposition"]
    [meta] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', answer.text)
    sent = answer.headers["content-security-policy"]
    assert sent == meta.replace("&#39;", "'") + "; frame-ancestors 'self'"
    assert "unsafe" not in sent
    assert "sales.csv" in answer.text
    assert http.get(profiled["links"]["report"]).content == answer.content
