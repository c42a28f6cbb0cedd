"""Server-sent events of one job."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

from prismlane.serve.services import Services
from prismlane.serve.views import event_view

PING_S: Final = 15.0
_PAGE: Final = 500


async def stream_events(services: Services, tenant: str, job_id: str, after: int) -> AsyncIterator[str]:
    """The job's events after number `after` as they become durable, its progress between them, and `end` at last.

    After some minutes the stream closes without `end`, so that no connection lives for ever: clients go on by
    `Last-Event-ID`.
    """
    loop = asyncio.get_running_loop()
    close_at = loop.time() + services.settings.server.stream_s
    shown: dict[str, Any] | None = None
    with services.news.watch(job_id) as watch:
        yield "retry: 1000\n\n"
        while loop.time() < close_at:
            stored = await services.reader.events(tenant, job_id, after=after, limit=_PAGE)
            for event in stored:
                after = event.seq
                yield _frame(event.event.type, event_view(event).model_dump_json(), after)
            if len(stored) == _PAGE:
                continue
            job = await services.reader.job(tenant, job_id)
            if job is None or (job.is_terminal and after >= job.seq):
                yield _frame("end", json.dumps({"state": job.state if job else "deleted"}))
                return
            progress = watch.progress
            if progress is not None and progress != shown:
                shown = progress
                yield _frame("progress", json.dumps(progress))
            if not await watch.wait(min(PING_S, close_at - loop.time())):
                yield ": ping\n\n"


def _frame(event: str, data: str, seq: int | None = None) -> str:
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {event}\ndata: {data}\n\n"
