"""Jobs: submit, look up, list, cancel."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from prismlane.actors.messages import Submission
from prismlane.common.errors import (
    DatasetNotFoundError,
    InvalidParametersError,
    InvalidRequestError,
    JobNotFoundError,
    PrismlaneError,
)
from prismlane.common.ids import new_job_id
from prismlane.common.states import JobState
from prismlane.common.wire import CancelBody, JobPage, JobView, SubmitRequest
from prismlane.engine.analyses.contract import Analysis
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.model import Job, JobSpec
from prismlane.engine.jobs.transitions import spec_to_dict
from prismlane.engine.ports import JobFilter
from prismlane.serve.principal import WithPrincipal
from prismlane.serve.requests import idempotency_of, last_id_of, page_token, preferred_wait_s
from prismlane.serve.services import Services, WithServices
from prismlane.serve.views import job_view

router = APIRouter(prefix="/v1", tags=["jobs"])

#: How long a look at a job waits for its progress, in seconds.
PROGRESS_S: Final = 1.0
#: Accepting goes on when its client has gone away: these tasks are kept from being collected.
_accepting: Final[set[asyncio.Task[Any]]] = set()


@router.post("/jobs", status_code=202, summary="Submit a job")
async def submit(
    body: SubmitRequest,
    request: Request,
    response: Response,
    principal: WithPrincipal,
    services: WithServices,
) -> JobView:
    """Accept an analysis as a job. 202: it is durable and will run; 200: it ended within `Prefer: wait=N`.

    With an `Idempotency-Key`, equal requests are one job, and the answer says `Idempotency-Replayed: true`.
    """
    spec = await _spec(body, principal.tenant, services)
    job_id = new_job_id()
    submission = Submission(
        job_id=job_id,
        tenant=principal.tenant,
        spec=spec_to_dict(spec),
        idempotency=idempotency_of(request, "POST /v1/jobs", body.model_dump(mode="json")),
    )
    accepting = asyncio.create_task(services.tracker.submit(submission, preferred_wait_s(request)))
    _accepting.add(accepting)
    accepting.add_done_callback(_accepting.discard)
    accepted = await asyncio.shield(accepting)
    if accepted["created_id"] != job_id:
        response.headers["Idempotency-Replayed"] = "true"
    job = await job_of(services, principal.tenant, accepted["created_id"])
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if job.is_terminal:
        response.status_code = 200
    else:
        response.headers["Retry-After"] = "1"
    return job_view(job)


@router.get("/jobs", summary="List jobs, newest first")
async def list_jobs(
    principal: WithPrincipal,
    services: WithServices,
    state: Annotated[list[JobState] | None, Query(description="only these states")] = None,
    analysis: Annotated[str | None, Query(max_length=100)] = None,
    dataset: Annotated[str | None, Query(max_length=100)] = None,
    label: Annotated[list[str] | None, Query(max_length=8, description="key:value, all must match")] = None,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 50,
    page_token_: Annotated[str | None, Query(alias="page_token", max_length=500)] = None,
) -> JobPage:
    """One page of the tenant's jobs."""
    wanted = JobFilter(states=state or (), analysis=analysis, dataset_id=dataset, labels=_labels(label or []))
    before = last_id_of(page_token_)
    jobs = await services.reader.jobs(principal.tenant, wanted, limit=page_size + 1, before=before)
    page = jobs[:page_size]
    return JobPage(
        jobs=[job_view(job) for job in page],
        next_page_token=page_token(page[-1].id) if len(jobs) > page_size else None,
    )


@router.get("/jobs/{job_id}", summary="Look a job up", response_model=JobView)
async def get_job(
    job_id: str, request: Request, principal: WithPrincipal, services: WithServices
) -> Response:
    """The job as it is now, with a weak ETag for cheap polling."""
    job = await job_of(services, principal.tenant, job_id)
    progress = await _progress(services, job)
    etag = f'W/"{job.seq}"'
    if progress is None and request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    view = job_view(job, progress)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    return Response(view.model_dump_json(), media_type="application/json", headers=headers)


@router.post("/jobs/{job_id}:cancel", summary="Cancel a job")
async def cancel(
    job_id: str,
    principal: WithPrincipal,
    services: WithServices,
    body: CancelBody | None = None,
) -> JobView:
    """After the answer the job never becomes `succeeded`. A running job is `cancelling` until its worker has let go."""
    asked = body or CancelBody()
    await job_of(services, principal.tenant, job_id)
    await asyncio.shield(
        services.tracker.cancel(
            principal.tenant,
            job_id,
            force=asked.mode == "force",
            grace_s=asked.grace_s,
            reason=asked.reason,
        )
    )
    return job_view(await job_of(services, principal.tenant, job_id))


async def job_of(services: Services, tenant: str, job_id: str) -> Job:
    """The tenant's job.

    Raises:
        JobNotFoundError: this tenant has no such job, whoever else may.
    """
    job = await services.reader.job(tenant, job_id)
    if job is None:
        raise JobNotFoundError(f"there is no job {job_id[:60]!r}")
    return job


async def _progress(services: Services, job: Job) -> dict[str, Any] | None:
    if job.state is not JobState.RUNNING:
        return None
    try:
        async with asyncio.timeout(PROGRESS_S):
            return await services.tracker.progress_of(job.tenant, job.id)
    except (PrismlaneError, TimeoutError):
        # It is best effort: the job itself is in the store, whatever the tracker is at.
        return None


async def _spec(body: SubmitRequest, tenant: str, services: Services) -> JobSpec:
    analysis = services.catalogue.get(body.analysis)
    dataset = await _dataset(body, tenant, services, analysis)
    params = services.catalogue.normalise(
        body.analysis, body.params, dataset.columns if dataset is not None else None
    )
    n_partitions, n_passes = 1, 1
    if dataset is not None and analysis.kind == "partition" and len(dataset.partitions) > 1:
        n_partitions, n_passes = len(dataset.partitions), analysis.n_passes
    return JobSpec(
        analysis=body.analysis,
        analysis_version=analysis.version,
        params=params,
        dataset_id=dataset.id if dataset is not None else None,
        dataset_fingerprint=dataset.fingerprint if dataset is not None else None,
        seed=body.seed,
        n_partitions=n_partitions,
        n_passes=n_passes,
        priority=body.priority,
        labels=body.labels,
        concurrency_key=body.concurrency_key,
        not_before=body.not_before.timestamp() if body.not_before else None,
        queue_deadline=body.queue_deadline.timestamp() if body.queue_deadline else None,
        run_timeout_s=body.run_timeout_s,
        max_attempts=body.max_attempts,
    )


async def _dataset(
    body: SubmitRequest, tenant: str, services: Services, analysis: type[Analysis[Any, Any]]
) -> Dataset | None:
    if not analysis.needs_dataset:
        if body.dataset is not None:
            raise InvalidParametersError(
                f"{body.analysis} reads no dataset",
                hint="Leave `dataset` out.",
                errors=[{"pointer": "/dataset", "detail": "not used by this analysis"}],
            )
        return None
    if body.dataset is None:
        raise InvalidParametersError(
            f"{body.analysis} needs a dataset", hint="Register one first: POST /v1/datasets"
        )
    dataset = await services.reader.dataset(tenant, body.dataset)
    if dataset is None:
        raise DatasetNotFoundError(f"there is no dataset {body.dataset}")
    return dataset


def _labels(given: list[str]) -> dict[str, str]:
    labels = {}
    for text in given:
        key, colon, value = text.partition(":")
        if not colon or not key:
            raise InvalidRequestError(f"the filter label={text[:60]!r} is not of the form key:value")
        labels[key] = value
    return labels
