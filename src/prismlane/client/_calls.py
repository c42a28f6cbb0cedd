"""The requests of the API and what their answers mean, without sending anything.

A `Call` is a request and the function that reads its answer. `performing` is the conversation about one call (send,
wait, send again) as a generator; the sync and the async shell only send and sleep.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from prismlane.client._answers import error_of, failure_of, unreachable
from prismlane.client._bodies import Body
from prismlane.client._retries import RetryPolicy
from prismlane.client.result import Result
from prismlane.common import wire
from prismlane.common.errors import InternalError, InvalidRequestError

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)

#: Seconds without a byte after which a plain request has failed.
DEFAULT_TIMEOUT_S: Final = 30.0
#: The server reads and checks a whole file before it answers.
REGISTER_TIMEOUT_S: Final = 900.0
#: Three missed pings of an event stream.
STREAM_SILENCE_S: Final = 45.0
#: The longest wait that the server grants to a submit.
MAX_PREFER_WAIT_S: Final = 60

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One request, and how to read its answer."""

    method: str
    path: str
    read: Callable[[httpx2.Response], T]
    query: Query = ()
    content: bytes | None = None
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether doing it twice has the effect of doing it once.
    repeatable: bool = True
    #: Statuses beside 2xx whose answer `read` understands.
    also_fine: frozenset[int] = frozenset()
    timeout_s: float = DEFAULT_TIMEOUT_S
    #: Whether the first failure is the answer that the caller wants to know.
    tries_once: bool = False

    def is_fine(self, status: int) -> bool:
        """Whether `read` is for an answer with this status."""
        return 200 <= status < 300 or status in self.also_fine


def performing(
    call: Call[T], url: str, policy: RetryPolicy, jitter: Callable[[], float]
) -> Generator[float, "httpx2.Response | httpx2.RequestError", T]:
    """The tries of one call: yields the seconds to wait before sending it, is sent what came of it.

    Raises:
        PrismlaneError: the server refused, or did not answer, and another try makes no sense.
    """
    delay_s, n_retried = 0.0, 0
    sends_again = not call.tries_once and (call.body is None or call.body.can_be_sent_again)
    while True:
        outcome = yield delay_s
        if isinstance(outcome, httpx2.Response) and call.is_fine(outcome.status_code):
            return _read(call, outcome)
        next_delay_s = policy.delay_s(
            failure_of(outcome), n_retried=n_retried, repeatable=call.repeatable, jitter=jitter()
        )
        if next_delay_s is None or not sends_again:
            raise error_of(outcome) if isinstance(outcome, httpx2.Response) else unreachable(url, outcome)
        delay_s, n_retried = next_delay_s, n_retried + 1


def _read(call: Call[T], response: httpx2.Response) -> T:
    try:
        return call.read(response)
    except ValueError as error:
        raise InternalError(
            f"what answered {call.method} {call.path} does not speak the API of Prismlane",
            hint="Is the URL right, and is the server of a release near this client's?",
        ) from error


def _as(model: type[ModelT]) -> Callable[[httpx2.Response], ModelT]:
    return lambda response: model.model_validate_json(response.content)


def checked(model: type[ModelT], **fields: Any) -> ModelT:
    """`model` made from `fields`.

    Raises:
        InvalidRequestError: naming each field that does not fit.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        wrong = [
            {"pointer": "/" + "/".join(map(str, each["loc"])), "detail": each["msg"]}
            for each in error.errors()
        ]
        places = "; ".join(f"{each['pointer'].strip('/')}: {each['detail']}" for each in wrong)
        raise InvalidRequestError(places, hint="Correct the values named.", errors=wrong) from None


def _json(model: BaseModel) -> dict[str, Any]:
    content = model.model_dump_json(exclude_unset=True).encode()
    return {"content": content, "headers": {"Content-Type": "application/json"}}


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe=":") for part in parts)


def id_of(dataset: str | wire.DatasetView) -> str:
    """The id of `dataset`."""
    return dataset if isinstance(dataset, str) else dataset.id


# --- jobs -----------------------------------------------------------------------------------------


def submit(request: wire.SubmitRequest, idempotency_key: str, wait_s: float = 0) -> Call[wire.JobView]:
    """Submit a job; with `wait_s` the server answers when the job ended or that time is over."""
    given = _json(request)
    headers = {**given["headers"], "Idempotency-Key": idempotency_key}
    seconds = min(int(wait_s), MAX_PREFER_WAIT_S)
    if seconds > 0:
        headers["Prefer"] = f"wait={seconds}"
    return Call(
        method="POST",
        path=_path("jobs"),
        read=_as(wire.JobView),
        content=given["content"],
        headers=headers,
        timeout_s=DEFAULT_TIMEOUT_S + max(seconds, 0),
    )


def get_job(job_id: str) -> Call[wire.JobView]:
    """One job as it is now."""
    return Call(method="GET", path=_path("jobs", job_id), read=_as(wire.JobView))


def list_jobs(
    *,
    states: Sequence[str],
    analysis: str | None,
    dataset: str | None,
    labels: Mapping[str, str],
    page_size: int,
    page_token: str | None,
) -> Call[wire.JobPage]:
    """One page of jobs, newest first."""
    query = [
        *(("state", str(state)) for state in states),
        *([("analysis", analysis)] if analysis else []),
        *([("dataset", dataset)] if dataset else []),
        *(("label", f"{key}:{value}") for key, value in labels.items()),
        *_page(page_size, page_token),
    ]
    return Call(method="GET", path=_path("jobs"), read=_as(wire.JobPage), query=query)


def _page(page_size: int, page_token: str | None) -> Query:
    return [("page_size", str(page_size)), *([("page_token", page_token)] if page_token else [])]


def cancel_job(job_id: str, body: wire.CancelBody) -> Call[wire.JobView]:
    """Ask a job to end."""
    path = _path("jobs", f"{job_id}:cancel")
    return Call(method="POST", path=path, read=_as(wire.JobView), repeatable=False, **_json(body))


def get_result(job_id: str) -> Call[Result]:
    """What a job found."""
    return Call(method="GET", path=_path("jobs", job_id, "result"), read=_as(Result))


def get_report(job_id: str) -> Call[str]:
    """The report of a job as HTML."""
    return Call(
        method="GET",
        path=_path("jobs", job_id, "report"),
        read=lambda response: response.content.decode("utf-8"),
        headers={"Accept": "text/html"},
    )


def list_events(job_id: str, after: int) -> Call[wire.EventPage]:
    """One page of the events of a job that follow number `after`."""
    query = [("after", str(after)), ("page_size", "1000")]
    headers = {"Accept": "application/json"}
    path = _path("jobs", job_id, "events")
    return Call(method="GET", path=path, read=_as(wire.EventPage), query=query, headers=headers)


def stream_events(job_id: str, after: int) -> Call[None]:
    """The events of a job that follow number `after`, as they happen."""
    return Call(
        method="GET",
        path=_path("jobs", job_id, "events"),
        read=lambda _: None,
        query=[("after", str(after))],
        headers={"Accept": "text/event-stream", "Cache-Control": "no-store", "Last-Event-ID": str(after)},
        timeout_s=STREAM_SILENCE_S,
    )


# --- datasets -------------------------------------------------------------------------------------


def register(request: wire.RegisterRequest) -> Call[wire.DatasetView]:
    """Register a file that the server can read."""
    return Call(
        method="POST",
        path=_path("datasets"),
        read=_as(wire.DatasetView),
        repeatable=False,
        timeout_s=REGISTER_TIMEOUT_S,
        **_json(request),
    )


def upload(body: Body, name: str, options: wire.ReadOptions) -> Call[wire.DatasetView]:
    """Send a file and register it."""
    size = {} if body.n_bytes is None else {"Content-Length": str(body.n_bytes)}
    return Call(
        method="POST",
        path=_path("datasets"),
        read=_as(wire.DatasetView),
        query=[("name", name), ("options", json.dumps(options.model_dump(exclude_unset=True)))],
        body=body,
        headers={"Content-Type": "application/octet-stream", **size},
        repeatable=False,
        timeout_s=REGISTER_TIMEOUT_S,
    )


def list_datasets(page_size: int, page_token: str | None) -> Call[wire.DatasetPage]:
    """One page of datasets, newest first."""
    query = _page(page_size, page_token)
    return Call(method="GET", path=_path("datasets"), read=_as(wire.DatasetPage), query=query)


def get_dataset(dataset_id: str) -> Call[wire.DatasetView]:
    """One dataset."""
    return Call(method="GET", path=_path("datasets", dataset_id), read=_as(wire.DatasetView))


def get_schema(dataset_id: str) -> Call[wire.SchemaView]:
    """The columns of a dataset."""
    return Call(method="GET", path=_path("datasets", dataset_id, "schema"), read=_as(wire.SchemaView))


def get_preview(dataset_id: str, n_rows: int) -> Call[wire.Preview]:
    """The first rows of a dataset."""
    path = _path("datasets", dataset_id, "preview")
    return Call(method="GET", path=path, read=_as(wire.Preview), query=[("rows", str(n_rows))])


def delete_dataset(dataset_id: str) -> Call[None]:
    """Forget a dataset."""
    path = _path("datasets", dataset_id)
    # Not repeatable: the second try would be told that there is no such dataset.
    return Call(method="DELETE", path=path, read=lambda _: None, repeatable=False)


# --- the rest -------------------------------------------------------------------------------------


def list_analyses() -> Call[wire.AnalysisList]:
    """The catalogue."""
    return Call(method="GET", path=_path("analyses"), read=_as(wire.AnalysisList))


def get_analysis(name: str) -> Call[wire.AnalysisView]:
    """One analysis of the catalogue."""
    return Call(method="GET", path=_path("analyses", name), read=_as(wire.AnalysisView))


def get_readiness() -> Call[wire.ReadyView]:
    """Whether the engine takes work; an engine that does not, yet answers, is an answer too."""
    return Call(
        method="GET",
        path="/readyz",
        read=_as(wire.ReadyView),
        also_fine=frozenset({503}),
        timeout_s=5.0,
        tries_once=True,
    )
