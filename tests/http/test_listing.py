"""Lists of jobs: filters and pages."""

import pytest

from prismlane.common import wire


@pytest.fixture
def three(submit, request) -> list[str]:
    """Ids of three ended jobs that only this test has labelled, oldest first."""
    mark = {"made_by": request.node.name}
    return [
        submit("noop", labels={**mark, "n": "1"}, wait_s=30)["id"],
        submit("fail", labels={**mark, "n": "2"}, wait_s=30)["id"],
        submit("noop", labels={**mark, "n": "3"}, wait_s=30)["id"],
    ]


@pytest.fixture
def listed(http, request):
    """Lists the ids of this test's jobs that fit a query."""

    def listed(**query) -> list[str]:
        labels = [f"made_by:{request.node.name}", *query.pop("label", [])]
        answer = http.get("/v1/jobs", params={"label": labels, **query})
        assert answer.status_code == 200
        return [job.id for job in wire.JobPage.model_validate(answer.json()).jobs]

    return listed


def test_list_is_newest_first(three, listed):
    assert listed() == three[::-1]


def test_list_is_filtered_by_state_analysis_and_label(three, listed):
    assert listed(state="failed") == [three[1]]
    assert listed(state=["failed", "succeeded"]) == three[::-1]
    assert listed(analysis="noop") == [three[2], three[0]]
    assert listed(label=["n:3"]) == [three[2]]
    assert listed(state="failed", analysis="noop") == []


def test_list_is_filtered_by_dataset(submit, listed, dataset, request):
    job = submit("row_count", dataset=dataset["id"], labels={"made_by": request.node.name}, wait_s=30)
    submit("noop", labels={"made_by": request.node.name}, wait_s=30)
    assert listed(dataset=dataset["id"]) == [job["id"]]


def test_pages_hold_every_job_once_also_while_more_come(http, three, submit, request):
    query = {"label": f"made_by:{request.node.name}", "page_size": 2}
    first = http.get("/v1/jobs", params=query).json()
    submit("noop", labels={"made_by": request.node.name}, wait_s=30)
    second = http.get("/v1/jobs", params={**query, "page_token": first["next_page_token"]}).json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == three[::-1]
    assert second["next_page_token"] is None
