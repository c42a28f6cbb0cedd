"""The models of the HTTP API: what the gateway sends and takes, and the client speaks.

Models that clients send refuse unknown fields. Models that the server sends may gain fields and enum values within v1.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from prismlane.common.ids import DATASET_ID_PATTERN
from prismlane.common.states import FailureReason, JobState

LabelKey = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$")]
LabelValue = Annotated[str, Field(max_length=200)]


class Request(BaseModel):
    """Base of what a client sends."""

    model_config = ConfigDict(extra="forbid")


class View(BaseModel):
    """Base of what the server sends."""

    model_config = ConfigDict(extra="ignore")


class ProblemPlace(View):
    """One wrong place in a request."""

    pointer: str = Field(description="JSON pointer into the body, or e.g. `query:page_size`")
    detail: str


class Problem(View):
    """What went wrong, as RFC 9457 has it, and what to do about it."""

    type: str = Field(description="`/problems/{code}`")
    title: str
    status: int
    detail: str
    instance: str = Field("", description="the path that was asked for")
    code: str = Field(description="what programs tell problems apart by")
    request_id: str = Field("", description="names this request in the server's log")
    retryable: bool = Field(False, description="whether the same request may succeed later")
    hint: str = Field("", description="what to do now")
    facts: dict[str, Any] = Field({}, description="the values that `detail` speaks of")
    errors: list[ProblemPlace] = []
    retry_after_s: float | None = Field(None, description="when a retry makes sense, in seconds")


# --- jobs -----------------------------------------------------------------------------------------


class SubmitRequest(Request):
    """An analysis to run."""

    analysis: str = Field(max_length=100, description="name of the analysis, e.g. `profile`")
    dataset: str | None = Field(
        None, pattern=DATASET_ID_PATTERN, description="id of the dataset that it reads"
    )
    params: dict[str, Any] = Field({}, description="parameters of the analysis")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of every random choice in the job")
    priority: int = Field(5, ge=0, le=9, description="0 (background) to 9 (urgent)")
    labels: dict[LabelKey, LabelValue] = Field({}, max_length=32)
    concurrency_key: str | None = Field(
        None, max_length=200, description="at most one job with this key runs at a time"
    )
    not_before: AwareDatetime | None = Field(None, description="do not start before this time")
    queue_deadline: AwareDatetime | None = Field(
        None, description="the job expires if it has not started by this time"
    )
    run_timeout_s: float = Field(3600.0, gt=0, le=7 * 86_400, description="seconds an attempt may run")
    max_attempts: int = Field(3, ge=1, le=20, description="attempts before the job fails")


class CancelBody(Request):
    """How to cancel a job."""

    mode: Literal["cooperative", "force"] = "cooperative"
    grace_s: float = Field(10.0, ge=0, le=600, description="seconds before a cooperative cancel is forced")
    reason: str = Field("", max_length=500)


class Progress(View):
    """How far a running job is; the latest word, not a durable one."""

    done: int = Field(description="partitions computed, over all passes")
    total: int = Field(description="partitions to compute, over all passes")
    phase: str = Field("", description="what it does now, e.g. `pass 1 of 2`")


class AttemptView(View):
    """The latest run of a job."""

    number: int
    state: str
    worker: str
    claimed_at: datetime
    ended_at: datetime | None = None
    reason: FailureReason | None = None
    error: dict[str, Any] | None = None


class JobView(View):
    """A job as clients see it."""

    id: str
    state: JobState
    analysis: str
    analysis_version: str
    dataset: str | None = None
    params: dict[str, Any] = {}
    seed: int = 0
    priority: int = 5
    labels: dict[str, str] = {}
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    n_attempts: int = 0
    max_attempts: int = 3
    run_timeout_s: float = 3600.0
    version: int = Field(description="number of the job's latest event")
    attempt: AttemptView | None = None
    progress: Progress | None = None
    reason: FailureReason | None = Field(None, description="why it failed")
    error: dict[str, Any] | None = Field(None, description="the problem it failed with")
    result_hash: str | None = Field(None, description="SHA-256 of the result, once succeeded")
    links: dict[str, str] = {}


class JobPage(View):
    """One page of jobs, newest first."""

    jobs: list[JobView]
    next_page_token: str | None = None


class EventView(View):
    """One event of a job as a CloudEvent (1.0), with its number in the job as `seq`."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    seq: int
    data: dict[str, Any] = {}


class EventPage(View):
    """Events of a job in order."""

    events: list[EventView]
    last_seq: int = Field(description="number of the last event on this page, to go on from")
    ended: bool = Field(description="whether the job's last event is on this page")


# --- datasets -------------------------------------------------------------------------------------

DataFormat = Literal["csv", "parquet", "jsonl", "arrow"]


class ReadOptions(Request):
    """How to read a file; what is left out is found out from the file."""

    format: DataFormat | None = Field(None, description="from the name and the first bytes if left out")
    delimiter: str | None = Field(None, min_length=1, max_length=4)
    quote: str | None = Field(None, max_length=1)
    header: bool | None = None
    types: dict[str, str] = Field({}, description='type of a column by name, e.g. {"zip": "VARCHAR"}')
    null_values: list[Annotated[str, Field(max_length=100)]] | None = Field(
        None, max_length=50, description="texts that mean a missing value, beside the empty one"
    )


class RegisterRequest(Request):
    """Register a file that the server can read, below one of its data roots."""

    path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(None, min_length=1, max_length=200)
    options: ReadOptions = ReadOptions()


class ColumnView(View):
    """One column of a dataset."""

    name: str
    type: str = Field(description="the column's SQL type, e.g. BIGINT, VARCHAR, TIMESTAMP")
    role: Literal["numeric", "temporal", "categorical", "boolean", "other"]


class DatasetView(View):
    """A dataset version: it never changes."""

    id: str
    name: str
    format: str
    fingerprint: str = Field(description="SHA-256 of the source file and of how it was read")
    n_rows: int
    n_columns: int
    n_bytes: int = Field(description="size of the source file")
    n_partitions: int
    created_at: datetime
    columns: list[ColumnView]
    options: dict[str, Any] = Field({}, description="how the file was read, all found out or given")
    warnings: list[str] = []


class DatasetPage(View):
    """One page of datasets, newest first."""

    datasets: list[DatasetView]
    next_page_token: str | None = None


class SchemaView(View):
    """The columns of a dataset, and how its file was read."""

    columns: list[ColumnView]
    options: dict[str, Any]
    warnings: list[str]


class Preview(View):
    """The first rows of a dataset, each value as JSON."""

    columns: list[str]
    rows: list[list[Any]]
    n_rows: int = Field(description="rows of the whole dataset")


# --- analyses and results -------------------------------------------------------------------------

Family = Literal["descriptive", "diagnostic", "predictive", "prescriptive"]


class AnalysisView(View):
    """An analysis of the catalogue."""

    name: str
    version: str
    family: Family | None = Field(None, description="unknown while the analysis is unavailable")
    kind: Literal["partition", "group", "table"] | None = Field(
        None, description="unknown while the analysis is unavailable"
    )
    title: str = Field(description="one line: the question it answers")
    description: str = ""
    needs_dataset: bool = True
    exactness: str = "exact"
    params_schema: dict[str, Any] = {}
    result_schema: dict[str, Any] = {}
    available: bool = True
    unavailable_because: str | None = Field(None, description="what to install, where something is missing")


class AnalysisList(View):
    """The catalogue."""

    analyses: list[AnalysisView]


class Evidence(View):
    """Where in the result a number of a finding stands."""

    pointer: str = Field(description="JSON pointer into the result's `output`")
    value: float | int | str | bool | None = None
    unit: str = ""


class Finding(View):
    """One thing worth knowing, in plain words."""

    text: str
    severity: Literal["info", "notice", "warning"] = "info"
    #: How much it matters, 0 to 1; findings are shown in falling order.
    score: float = 0.0
    column: str | None = None
    action: str = Field("", description="what to do about it")
    evidence: list[Evidence] = []
    chart: str | None = Field(None, description="name of the chart that shows it")


class Table(View):
    """A small table of a result. `rows` are lists in the order of `columns`."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[Any]]


class Chart(View):
    """A chart: a Vega-Lite v6 specification with its data inside."""

    name: str
    title: str
    alt: str = Field(description="what the chart shows, for who cannot see it")
    spec: dict[str, Any]


class Exactness(View):
    """How exact a result is."""

    kind: Literal["exact", "sketch", "sampled"] = "exact"
    error: str = Field("", description="for a sketch: its error, e.g. `distinct counts: 2.7 % rms`")
    n: int | None = Field(None, description="for a sample: its size in rows")


class DatasetRef(View):
    """Which data a result speaks of."""

    fingerprint: str
    n_rows: int
    n_columns: int


class Result(View):
    """What a job found. Equal inputs give equal bytes: nothing here depends on when or where it ran."""

    analysis: str
    analysis_version: str
    title: str
    findings: list[Finding] = []
    summary: dict[str, Any] = {}
    output: dict[str, Any] = Field({}, description="the analysis's own result model")
    tables: list[Table] = []
    charts: list[Chart] = []
    warnings: list[str] = []
    assumptions: list[str] = Field([], description="what was checked or taken for granted")
    method: str = ""
    exactness: Exactness = Exactness()
    params: dict[str, Any] = {}
    seed: int = 0
    dataset: DatasetRef | None = None
    versions: dict[str, str] = Field({}, description="library versions that the numbers depend on")


# --- the engine -----------------------------------------------------------------------------------


class WorkerView(View):
    """A worker and what it does."""

    id: str
    node: str
    pid: int
    jobs: list[str] = []
    seen_s: float = Field(description="seconds since its last word")


class ReadyView(View):
    """Whether the engine takes work, and what it is made of."""

    ready: bool
    version: str
    epoch: int = 0
    n_workers: int = 0
    workers: list[WorkerView] = []
    n_queued: int = 0
    n_running: int = 0
    sandbox: dict[str, Any] = Field({}, description="which limits are in force around analysis code")
    detail: str = ""
