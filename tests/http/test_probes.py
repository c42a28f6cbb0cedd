"""Probes, metrics, the catalogue, and the API's own description."""

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prismlane.common import wire

SCHEMA_2020 = jsonschema.Draft202012Validator


def test_live_and_ready_engine_says_so(http):
    live = http.get("/livez")
    assert (live.status_code, live.json()) == (200, {"live": True})
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert ready.headers["cache-control"] == "no-store"
    view = wire.ReadyView.model_validate(ready.json())
    assert (view.ready, view.n_workers) == (True, 2)
    assert view.epoch >= 1
    assert view.sandbox


def test_metrics_are_prometheus_text_and_count_jobs(http, submit):
    def accepted() -> float:
        answer = http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        assert all(name.startswith("prismlane_") for name in families)
        return sum(
            sample.value
            for family in families.values()
            for sample in family.samples
            if sample.name == "prismlane_jobs_accepted_total"
        )

    before = accepted()
    submit("noop", wait_s=30)
    assert accepted() == before + 1


def test_every_analysis_of_the_catalogue_has_valid_schemas(http):
    listed = wire.AnalysisList.model_validate(http.get("/v1/analyses").json()).analyses
    assert {"profile", "row_count", "sleep"} <= {view.name for view in listed}
    for view in listed:
        assert http.get(f"/v1/analyses/{view.name}").json() == view.model_dump(mode="json")
        assert view.title
        for schema in (view.params_schema, view.result_schema):
            SCHEMA_2020.check_schema(schema)


def test_result_fits_the_schema_that_its_analysis_promises(http, submit, dataset):
    job = submit("profile", dataset=dataset["id"], wait_s=60)
    view = http.get("/v1/analyses/profile").json()
    result = http.get(job["links"]["result"]).json()
    SCHEMA_2020(view["result_schema"]).validate(result["output"])
    SCHEMA_2020(view["params_schema"]).validate(result["params"])


@pytest.fixture
def description(http) -> dict:
    """The API's description."""
    return http.get("/openapi.json").json()


def operations(description: dict) -> list[tuple[str, dict]]:
    """Each operation under its method and path."""
    return [
        (f"{method} {path}", operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
    ]


def test_description_is_openapi_3_1_with_no_loose_end(description):
    assert description["openapi"].startswith("3.1.")
    assert description["info"]["title"] == "Prismlane"
    schemas = description["components"]["schemas"]
    SCHEMA_2020.check_schema({"$defs": schemas})
    for ref in references(description):
        assert ref.removeprefix("#/components/schemas/") in schemas, ref
    ids = [operation["operationId"] for _, operation in operations(description)]
    assert len(ids) == len(set(ids))


def references(node: object) -> list[str]:
    """All `$ref` below `node`."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    return [ref for value in node for ref in references(value)] if isinstance(node, list) else []


def test_every_route_is_described_with_its_problems(description):
    found = operations(description)
    assert {"post /v1/jobs", "get /v1/jobs/{job_id}", "post /v1/jobs/{job_id}:cancel"} <= {
        name for name, _ in found
    }
    for name, operation in found:
        problem = operation["responses"]["default"]["content"]
        assert list(problem) == ["application/problem+json"], name
        assert operation["summary"], name
        assert any(status.startswith("2") for status in operation["responses"]), name
        assert "422" not in operation["responses"], name


def test_problem_is_what_its_schema_says(http, description):
    problem = http.get("/v1/jobs/nothing").json()
    schema = {"$ref": "#/components/schemas/Problem", "components": description["components"]}
    SCHEMA_2020(schema).validate(problem)
    assert set(problem) <= set(description["components"]["schemas"]["Problem"]["properties"])


def test_answers_fit_the_schemas_of_their_routes(http, description, submit, dataset):
    job = submit("profile", dataset=dataset["id"], wait_s=60)
    paths = {
        "/v1/jobs": "/v1/jobs",
        "/v1/jobs/{job_id}": f"/v1/jobs/{job['id']}",
        "/v1/jobs/{job_id}/events": f"/v1/jobs/{job['id']}/events",
        "/v1/jobs/{job_id}/result": f"/v1/jobs/{job['id']}/result",
        "/v1/datasets": "/v1/datasets",
        "/v1/datasets/{dataset_id}": f"/v1/datasets/{dataset['id']}",
        "/v1/datasets/{dataset_id}/schema": f"/v1/datasets/{dataset['id']}/schema",
        "/v1/datasets/{dataset_id}/preview": f"/v1/datasets/{dataset['id']}/preview",
        "/v1/analyses": "/v1/analyses",
        "/readyz": "/readyz",
    }
    for template, path in paths.items():
        response = description["paths"][template]["get"]["responses"]["200"]
        schema = {
            **response["content"]["application/json"]["schema"],
            "components": description["components"],
        }
        assert schema.keys() > {"components"}, f"{template} has no schema"
        SCHEMA_2020(schema).validate(http.get(path).json())
