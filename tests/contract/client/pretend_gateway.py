"""A gateway small enough to read, for tests of the client and of the command line: no engine, real answers' shapes."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from prismlane.common.errors import (
    DatasetNotFoundError,
    JobNotFoundError,
    NoResultError,
    NotFoundError,
    PrismlaneError,
)
from prismlane.common.ids import new_dataset_id, new_job_id

NOW = "2026-11-22T10:00:00.250Z"
RESULT = {
    "analysis": "profile",
    "analysis_version": "1.0",
    "title": "Profile of flights",
    "findings": [
        {"text": "dep_time is missing in 2 % of the rows", "severity": "info", "score": 0.2},
        {"text": "tailnum looks like a key", "severity": "warning", "score": 0.9, "action": "Leave it out."},
    ],
    "summary": {"rows": 3},
    "output": {},
    "tables": [
        {"name": "columns", "title": "Columns", "columns": ["name", "n"], "rows": [["a", 1], ["b", 2]]}
    ],
    "charts": [],
    "warnings": ["one column is empty"],
}
PROFILE = {
    "name": "profile",
    "version": "1.0",
    "family": "descriptive",
    "kind": "partition",
    "title": "What is in this data?",
    "params_schema": {
        "type": "object",
        "properties": {
            "columns": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
            "top": {"type": "integer", "description": "top values a column", "default": 10},
        },
    },
}


@dataclass
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    #: For a stream: its chunks; an exception among them breaks the connection off.
    chunks: list[bytes | Exception] | None = None


def problem(error: PrismlaneError, **headers: str) -> Answer:
    kind = {"Content-Type": "application/problem+json", "X-Request-Id": "req_test"}
    return Answer(int(error.status), error.to_dict(), {**kind, **headers})


def sse(event: str, data: Any, id_: int | None = None) -> bytes:
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {event}\ndata: {json.dumps(data)}\n\n".encode()


def event(job_id: str, seq: int, type_: str) -> bytes:
    return sse(type_, event_view(job_id, seq, type_), seq)


def event_view(job_id: str, seq: int, type_: str) -> dict[str, Any]:
    return {
        "id": f"{job_id}/{seq}",
        "source": "/jobs",
        "type": type_,
        "subject": job_id,
        "time": NOW,
        "seq": seq,
    }


class PretendGateway:
    """Answers like the gateway from what the test put in, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.datasets: dict[str, dict[str, Any]] = {}
        #: Answers or exceptions that are given first, whatever is asked.
        self.first: list[Answer | Exception] = []
        #: What the next connections to an event stream bring; then the story of a job that succeeded.
        self.streams: list[list[bytes | Exception]] = []
        self.end_state = "succeeded"
        self.end_error: dict[str, Any] | None = None
        self.ready = True
        self.sandbox = {"memory": {"on": True, "reason": "RLIMIT_AS"}}
        #: How often a job is looked at before it ends.
        self.looks_until_end = 0
        self.result: dict[str, Any] = RESULT
        self.refuse: Callable[[Asked], PrismlaneError | None] = lambda asked: None

    def add_dataset(self, name: str = "flights.csv") -> str:
        id_ = new_dataset_id()
        self.datasets[id_] = {
            "id": id_, "name": name, "format": "csv", "fingerprint": "f" * 64, "n_rows": 3, "n_columns": 1,
            "n_bytes": 12, "n_partitions": 1, "created_at": NOW,
            "columns": [{"name": "a", "type": "BIGINT", "role": "numeric"}],
        }  # fmt: skip
        return id_

    def add_job(self, state: str = "queued", **fields: Any) -> str:
        id_ = new_job_id()
        self.jobs[id_] = {
            "id": id_, "state": state, "analysis": "profile", "analysis_version": "1.0", "created_at": NOW,
            "updated_at": NOW, "version": 1, "n_attempts": 1, **fields,
        }  # fmt: skip
        return id_

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.first:
            given = self.first.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        refusal = self.refuse(asked)
        if refusal is not None:
            return problem(refusal)
        try:
            return self._route(asked)
        except PrismlaneError as error:
            return problem(error)

    def _route(self, asked: Asked) -> Answer:
        match asked.method, asked.path.strip("/").split("/"):
            case "GET", ["readyz"]:
                view = {"ready": self.ready, "version": "1.2.3", "n_workers": 2, "sandbox": self.sandbox}
                return Answer(200 if self.ready else 503, view)
            case "GET", ["v1", "analyses"]:
                return Answer(body={"analyses": [PROFILE]})
            case "GET", ["v1", "analyses", "profile"]:
                return Answer(body=PROFILE)
            case method, ["v1", "jobs", *rest]:
                return self._jobs(method, rest, asked)
            case method, ["v1", "datasets", *rest]:
                return self._datasets(method, rest, asked)
        raise NotFoundError

    def _jobs(self, method: str, rest: list[str], asked: Asked) -> Answer:
        match method, rest:
            case "POST", []:
                given = asked.json()
                id_ = self.add_job("queued", params=given.get("params", {}), dataset=given.get("dataset"))
                return Answer(202, self.jobs[id_], {"Location": f"/v1/jobs/{id_}", "Retry-After": "1"})
            case "GET", []:
                return self._page("jobs", list(reversed(self.jobs.values())), asked)
            case "GET", [id_]:
                return Answer(body=self._look(id_))
            case "POST", [name] if name.endswith(":cancel"):
                job = self._job(name.removesuffix(":cancel"))
                job["state"] = "cancelled"
                return Answer(body=job)
            case "GET", [id_, "result"]:
                if self._job(id_)["state"] != "succeeded":
                    raise NoResultError
                return Answer(body=self.result)
            case "GET", [id_, "report"]:
                self._job(id_)
                return Answer(
                    body="<!doctype html><title>Profile</title>", headers={"Content-Type": "text/html"}
                )
            case "GET", [id_, "events"]:
                is_stream = "event-stream" in asked.headers["accept"]
                return self._events(id_) if is_stream else self._history(id_, asked)
        raise NotFoundError

    def _job(self, id_: str) -> dict[str, Any]:
        if id_ not in self.jobs:
            raise JobNotFoundError(f"there is no job {id_}")
        return self.jobs[id_]

    def _look(self, id_: str) -> dict[str, Any]:
        job = self._job(id_)
        if job["state"] in {"queued", "running"}:
            if self.looks_until_end <= 0:
                self._end(job)
            self.looks_until_end -= 1
        return job

    def _end(self, job: dict[str, Any]) -> None:
        job["state"] = self.end_state
        job["error"] = self.end_error

    def _history(self, id_: str, asked: Asked) -> Answer:
        self._job(id_)
        after = int(asked.query["after"][0])
        page = [event_view(id_, seq, "job.told") for seq in (1, 2, 3) if seq > after][:2]
        return Answer(body={"events": page, "last_seq": page[-1]["seq"] if page else after, "ended": False})

    def _events(self, id_: str) -> Answer:
        job = self._job(id_)
        if self.streams:
            chunks = self.streams.pop(0)
        else:
            chunks = [event(id_, 1, "job.accepted"), event(id_, 2, f"job.{self.end_state}"), sse("end", {})]
        if any(isinstance(chunk, bytes) and b"event: end" in chunk for chunk in chunks):
            self._end(job)
        return Answer(headers={"Content-Type": "text/event-stream"}, chunks=chunks)

    def _datasets(self, method: str, rest: list[str], asked: Asked) -> Answer:
        match method, rest:
            case "POST", []:
                if asked.headers["content-type"] == "application/json":
                    return Answer(201, self.datasets[self.add_dataset(asked.json()["path"])])
                return Answer(201, self.datasets[self.add_dataset(asked.query["name"][0])])
            case "GET", []:
                return self._page("datasets", list(reversed(self.datasets.values())), asked)
            case method, [id_, *_] if id_ not in self.datasets:
                raise DatasetNotFoundError(f"there is no dataset {id_}")
            case "GET", [id_]:
                return Answer(body=self.datasets[id_])
            case "GET", [id_, "schema"]:
                return Answer(body={"columns": self.datasets[id_]["columns"], "options": {}, "warnings": []})
            case "GET", [id_, "preview"]:
                return Answer(body={"columns": ["a"], "rows": [[1], [None]], "n_rows": 3})
            case "DELETE", [id_]:
                del self.datasets[id_]
                return Answer(204)
        raise NotFoundError

    @staticmethod
    def _page(name: str, everything: list[dict[str, Any]], asked: Asked) -> Answer:
        start = int(asked.query.get("page_token", ["0"])[0])
        end = start + int(asked.query["page_size"][0])
        token = str(end) if end < len(everything) else None
        return Answer(body={name: everything[start:end], "next_page_token": token})

    def transport(self) -> httpx2.MockTransport:
        """The gateway as a transport below a client, sync or async."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            url = urlsplit(str(request.url))
            asked = Asked(
                request.method, url.path, parse_qs(url.query), dict(request.headers), request.content
            )
            answer = self.answer(asked)
            if answer.chunks is not None:
                return httpx2.Response(answer.status, headers=answer.headers, stream=Chunks(answer.chunks))
            return httpx2.Response(answer.status, headers=answer.headers, content=_content(answer))

        return httpx2.MockTransport(handle)


def _content(answer: Answer) -> bytes:
    if isinstance(answer.body, str):
        return answer.body.encode()
    return b"" if answer.body is None else json.dumps(answer.body).encode()


class Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    def __init__(self, chunks: list[bytes | Exception]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def __aiter__(self):
        for chunk in self:
            yield chunk


class GatewayServer:
    """The gateway on a port of 127.0.0.1, for what opens sockets itself."""

    def __init__(self, gateway: PretendGateway) -> None:
        handler = type("Handler", (_Handler,), {"gateway": gateway})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "GatewayServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    gateway: PretendGateway

    def _do(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        answer = self.gateway.answer(Asked(self.command, url.path, parse_qs(url.query), headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        content = b"".join(answer.chunks) if answer.chunks is not None else _content(answer)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _do  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        pass
