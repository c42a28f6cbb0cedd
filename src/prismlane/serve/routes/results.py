"""What a job leaves: its result and its report."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from prismlane.common.clock import rfc3339
from prismlane.common.errors import NoResultError, ResultNotReadyError
from prismlane.common.wire import Result
from prismlane.engine.jobs.model import Job
from prismlane.engine.reports.style import content_security_policy
from prismlane.serve.principal import WithPrincipal
from prismlane.serve.routes.jobs import job_of
from prismlane.serve.services import Services, WithServices

router = APIRouter(prefix="/v1", tags=["results"])

#: What the report's own page says of itself, and who may show it in a frame, which only a header can say.
REPORT_POLICY = f"{content_security_policy()}; frame-ancestors 'self'"


@router.get("/jobs/{job_id}/result", summary="The result as JSON", response_model=Result)
async def result(job_id: str, request: Request, principal: WithPrincipal, services: WithServices) -> Response:
    """The result; its strong ETag is the SHA-256 of these bytes, and they never change."""
    _, result_hash = await _finished(services, principal.tenant, job_id)
    etag = f'"{result_hash}"'
    headers = {"ETag": etag, "Cache-Control": "private, immutable, max-age=31536000"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    try:
        data = await services.blobs.get(result_hash)
    except KeyError:
        raise NoResultError(f"the result of {job_id} is gone", hint="Run the job again.") from None
    return Response(data, media_type="application/json", headers=headers)


@router.get("/jobs/{job_id}/report", summary="The report as one HTML file", response_class=HTMLResponse)
async def report(job_id: str, request: Request, principal: WithPrincipal, services: WithServices) -> Response:
    """The report, drawn when it is first asked for."""
    job, result_hash = await _finished(services, principal.tenant, job_id)
    html = await services.renderer.render(result_hash, await _about(job, request, services))
    headers = {
        "Content-Security-Policy": REPORT_POLICY,
        "Content-Disposition": f'inline; filename="{job.spec.analysis}-{job.id}.html"',
    }
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


async def _finished(services: Services, tenant: str, job_id: str) -> tuple[Job, str]:
    job = await job_of(services, tenant, job_id)
    if not job.is_terminal:
        raise ResultNotReadyError(
            f"{job.id} is {job.state}",
            hint=f"Follow it: prismlane jobs watch {job.id}",
            facts={"state": job.state},
            retry_after_s=1.0,
        )
    if job.result_hash is None:
        why = (job.error or {}).get("detail") or (job.cancel.reason if job.cancel else "")
        raise NoResultError(
            f"{job.id} ended {job.state}{f': {why}' if why else ''}",
            facts={"state": job.state, "reason": job.reason},
        )
    return job, job.result_hash


async def _about(job: Job, request: Request, services: Services) -> dict[str, object]:
    spec = job.spec
    dataset = None
    if spec.dataset_id is not None:
        dataset = await services.reader.dataset(job.tenant, spec.dataset_id)
    return {
        "job_id": job.id,
        "dataset_name": dataset.name if dataset is not None else "",
        "n_rows": dataset.n_rows if dataset is not None else 0,
        "n_columns": len(dataset.columns) if dataset is not None else 0,
        "submitted_at": rfc3339(job.created_at),
        "finished_at": rfc3339(job.finished_at or job.updated_at),
        "result_hash": job.result_hash,
        "server_url": str(request.base_url).rstrip("/"),
        "dataset_id": spec.dataset_id,
        "params": dict(spec.params),
        "seed": spec.seed,
    }
