"""What actors say to each other: plain dicts, so that old and new releases understand each other in a rolling update.

A reader ignores keys that it does not know, and every key that is added later is optional.
"""

from typing import Any, Literal, NotRequired, TypedDict


class WorkerInfo(TypedDict):
    """A worker as it presents itself."""

    #: Random name of this incarnation; a restarted worker has another one.
    id: str
    node: str
    pid: int


class Submission(TypedDict):
    """A job to accept."""

    #: Made by the gateway, so that a repeated message is known as such.
    job_id: str
    tenant: str
    #: Fields of a `JobSpec`.
    spec: dict[str, Any]
    #: The client's key with the fingerprint of its request.
    idempotency: NotRequired[dict[str, str] | None]


class Accepted(TypedDict):
    """The answer to what creates something."""

    #: Id of the job or dataset.
    created_id: str
    #: False where the submission, or its idempotency key, was known already.
    created: bool


class Grant(TypedDict):
    """A job, or partitions of one, that a worker may now compute."""

    job_id: str
    tenant: str
    #: `owner`: the attempt is this worker's. `helper`: it computes some partitions for the owner.
    role: Literal["owner", "helper"]
    attempt: int
    fence: int
    spec: dict[str, Any]
    #: Fields of a `Dataset`, or None for an analysis that reads none.
    dataset: dict[str, Any] | None


class Step(TypedDict):
    """What to do next for a job that is computed partition by partition."""

    #: `partitions`: compute these. `merge`: all of the pass are there, make what the next pass is handed. `finish`: make
    #: the result. `wait`: others still compute; ask again. `leave`: nothing is left to help with. `cancel`: it has to
    #: end. `stale`: it is not yours any more.
    do: Literal["partitions", "merge", "finish", "wait", "leave", "cancel", "stale"]
    pass_number: int
    partitions: list[int]
    #: Hashes of the states of this pass, in order of their partitions, for `merge` and `finish`.
    states: list[str]
    #: Hashes of the merged states of earlier passes.
    earlier: list[str]


class Outcome(TypedDict):
    """How an attempt ended."""

    job_id: str
    tenant: str
    fence: int
    kind: Literal["succeeded", "failed", "released", "cancelled"]
    result_hash: NotRequired[str]
    result_bytes: NotRequired[int]
    #: Seconds of computing, for the estimate of the next job of this analysis.
    took_s: NotRequired[float]
    reason: NotRequired[str]
    error: NotRequired[dict[str, Any]]
    retryable: NotRequired[bool]
    crashed: NotRequired[bool]


class Claimed(TypedDict):
    """The answer to a claim."""

    grants: list[Grant]
    #: For each reported outcome, in order, whether it was taken (False: the attempt was stale).
    taken: list[bool]


class CancelOrder(TypedDict):
    """A job that its owner has to end."""

    job_id: str
    fence: int
    force: bool
    grace_s: float


class Heard(TypedDict):
    """The answer to a heartbeat."""

    cancel: list[CancelOrder]
    #: Jobs of the heartbeat that are no longer this worker's.
    stale: list[str]


class FeedEntry(TypedDict):
    """A hint that something about a job is new; the truth is in the store."""

    position: int
    tenant: str
    job_id: str
    #: Number of the newest event, or 0 for mere progress.
    seq: int
    state: str
    progress: NotRequired[dict[str, Any]]


class FeedPage(TypedDict):
    """What is new since a position."""

    #: Changes when the tracker has started anew; positions of another stream mean nothing.
    stream: int
    position: int
    #: True where entries were missed (another stream, or too far behind): look everything up again.
    reset: bool
    entries: list[FeedEntry]
