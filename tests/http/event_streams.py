"""Server-sent events as a plain reader sees them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2


@dataclass(frozen=True)
class Frame:
    """One event of a stream; `seq` is its id, where it has one."""

    event: str
    data: Any
    seq: int | None = None


def frames(response: httpx2.Response) -> Iterator[Frame]:
    """The events of `response` until the server closes it. Comments are left out."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            seq = int(fields["id"]) if "id" in fields else None
            yield Frame(fields["event"], json.loads(fields["data"]), seq)
            fields = {}
        else:
            fields = {}


def follow(http: httpx2.Client, job_id: str, after: int = 0) -> Iterator[Frame]:
    """The events of a job over as many connections as it takes, `end` included."""
    while True:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
            assert response.status_code == 200
            for frame in frames(response):
                yield frame
                if frame.event == "end":
                    return
                after = frame.seq or after


def end_of(http: httpx2.Client, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    for _ in follow(http, job_id):
        pass
    return http.get(f"/v1/jobs/{job_id}").json()


def running(http: httpx2.Client, job_id: str) -> None:
    """Return when the job runs."""
    assert any(frame.event == "attempt.claimed" for frame in follow(http, job_id))
