"""Events of a job: a page of them, or a live stream."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from prismlane.common.errors import InvalidRequestError
from prismlane.common.wire import EventPage
from prismlane.serve.principal import WithPrincipal
from prismlane.serve.routes.jobs import job_of
from prismlane.serve.services import WithServices
from prismlane.serve.stream import stream_events
from prismlane.serve.views import event_view

router = APIRouter(prefix="/v1", tags=["events"])


@router.get(
    "/jobs/{job_id}/events",
    summary="Events as a page, or live",
    response_model=EventPage,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def events(
    job_id: str,
    request: Request,
    principal: WithPrincipal,
    services: WithServices,
    after: Annotated[int, Query(ge=0, lt=2**53, description="only events after this number")] = 0,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 1000,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """With `Accept: text/event-stream` a stream that ends with `event: end`; resume it by `Last-Event-ID`."""
    job = await job_of(services, principal.tenant, job_id)
    start = max(after, _seq_of(last_event_id))
    if "text/event-stream" in request.headers.get("accept", ""):
        frames = stream_events(services, principal.tenant, job.id, start)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(frames, media_type="text/event-stream", headers=headers)
    stored = await services.reader.events(principal.tenant, job_id, after=start, limit=page_size)
    last_seq = stored[-1].seq if stored else start
    page = EventPage(
        events=[event_view(event) for event in stored],
        last_seq=last_seq,
        ended=job.is_terminal and last_seq >= job.seq,
    )
    return Response(page.model_dump_json(), media_type="application/json")


def _seq_of(last_event_id: str | None) -> int:
    if last_event_id is None or last_event_id == "":
        return 0
    if not last_event_id.isdecimal() or len(last_event_id) > 15:
        raise InvalidRequestError("Last-Event-ID is the number of an event of this job")
    return int(last_event_id)
