"""Values of the engine as rows, and back. Pure; a row maps names of columns to what a column holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final, TypeAlias

from prismlane.common.ids import DEFAULT_LANE, lane_of
from prismlane.common.states import AttemptState, FailureReason, JobState
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.events import event_from_dict, event_to_dict
from prismlane.engine.jobs.model import Attempt, CancelRequest, Job, JobSpec
from prismlane.engine.jobs.transitions import spec_from_dict
from prismlane.engine.ports import Change, Checkpoint, IdempotencyKey, StoredEvent

Row: TypeAlias = dict[str, Any]

#: The columns that a value is read back from, in the order in which the `*_from_row` functions take them.
JOB_COLUMNS: Final = ("id", "tenant", "state", "seq", "result_hash", "spec", "body")
EVENT_COLUMNS: Final = ("job_id", "tenant", "seq", "type", "body")
KEY_COLUMNS: Final = ("tenant", "route", "key", "fingerprint", "created_id", "created_at")
CHECKPOINT_COLUMNS: Final = ("job_id", "pass_number", "partition", "state_hash")

_JOB_IN_COLUMNS = {"id", "tenant", "spec", "state", "seq", "result_hash"}
_JOB_IN_BODY = tuple(f.name for f in fields(Job) if f.name not in _JOB_IN_COLUMNS)
_NESTED = {"attempt", "cancel"}
_JOB_PLAIN = tuple(name for name in _JOB_IN_BODY if name not in _NESTED)
_SPEC = tuple(f.name for f in fields(JobSpec))
_ATTEMPT = tuple(f.name for f in fields(Attempt))
_CANCEL = tuple(f.name for f in fields(CancelRequest))

#: ASCII only, so that a lone surrogate in a parameter or an error message survives.
_to_json = json.JSONEncoder(separators=(",", ":")).encode


def job_row(job: Job) -> Row:
    """All columns of `job`."""
    spec = job.spec
    # Not `asdict`, which copies deeply: this runs for each job that is accepted.
    spec_values = _given(spec, _SPEC)
    return {
        **changing_job_row(job),
        "lane": lane(job.id),
        "tenant": job.tenant,
        "analysis": spec.analysis,
        "dataset_id": spec.dataset_id,
        "created_at": job.created_at,
        "spec": _to_json(spec_values),
    }


def changing_job_row(job: Job) -> Row:
    """The columns of `job` that an event may change, and its id."""
    body = _given(job, _JOB_PLAIN)
    if job.attempt is not None:
        body["attempt"] = _given(job.attempt, _ATTEMPT)
    if job.cancel is not None:
        body["cancel"] = _given(job.cancel, _CANCEL)
    return {
        "id": job.id,
        "state": job.state,
        "seq": job.seq,
        "finished_at": job.finished_at,
        "result_hash": job.result_hash,
        "body": _to_json(body),
    }


def job_from_row(row: Sequence[Any]) -> Job:
    """The job of the values of `JOB_COLUMNS`; what a newer release added is ignored."""
    job_id, tenant, state, seq, result_hash, spec, body = row
    values = json.loads(body)
    plain = {name: values[name] for name in _JOB_PLAIN if name in values}
    plain["reason"] = _reason(plain.get("reason"))
    return Job(
        id=job_id,
        tenant=tenant,
        state=JobState(state),
        seq=seq,
        result_hash=result_hash,
        spec=spec_from_dict(json.loads(spec)),
        attempt=_attempt(values.get("attempt")),
        cancel=_cancel(values.get("cancel")),
        **plain,
    )


def label_rows(job: Job) -> list[Row]:
    """One row a label of `job`."""
    return [
        {"tenant": job.tenant, "name": name, "value": value, "job_id": job.id}
        for name, value in job.spec.labels.items()
    ]


def event_row(change: Change) -> Row:
    """The event of `change`, numbered by the job after it."""
    job, event = change.job, change.event
    return {
        "job_id": job.id,
        "seq": job.seq,
        "lane": lane(job.id),
        "tenant": job.tenant,
        "type": event.type,
        "at": event.at,
        "body": _to_json(event_to_dict(event)),
    }


def event_from_row(row: Sequence[Any]) -> StoredEvent:
    """The event of the values of `EVENT_COLUMNS`."""
    job_id, tenant, seq, type_, body = row
    return StoredEvent(job_id, tenant, seq, event_from_dict(type_, json.loads(body)))


def attempt_row(job: Job, attempt: Attempt) -> Row:
    """`attempt` of `job`."""
    return {
        "job_id": job.id,
        "number": attempt.number,
        "lane": lane(job.id),
        "tenant": job.tenant,
        "state": attempt.state,
        "body": _to_json(_given(attempt, _ATTEMPT)),
    }


def attempt_from_body(body: str) -> Attempt:
    """The attempt of the column `body`."""
    attempt = _attempt(json.loads(body))
    if attempt is None:
        raise ValueError("an attempt's body is an object")
    return attempt


def checkpoint_row(checkpoint: Checkpoint) -> Row:
    """`checkpoint`."""
    return {"lane": lane(checkpoint.job_id), **_named(checkpoint, CHECKPOINT_COLUMNS)}


def key_row(key: IdempotencyKey) -> Row:
    """`key`."""
    return _named(key, KEY_COLUMNS)


def dataset_row(tenant: str, dataset: Dataset) -> Row:
    """`dataset` of `tenant`."""
    columns = ("id", "name", "fingerprint", "source_hash", "table_hash", "created_at")
    return {"tenant": tenant, **_named(dataset, columns), "body": _to_json(dataset.to_dict())}


def dataset_from_body(body: str) -> Dataset:
    """The dataset of the column `body`."""
    return Dataset.from_dict(json.loads(body))


def rows_to_json(rows: Sequence[Row]) -> str:
    """`rows` as the one JSON array that a statement of `statements` takes."""
    return _to_json(rows)


def lane(job_id: str) -> int:
    """The lane of `job_id`; the first one for an id that was not made by `new_job_id`."""
    found = lane_of(job_id)
    return DEFAULT_LANE if found is None else found


def _named(value: object, names: Sequence[str]) -> Row:
    return {name: getattr(value, name) for name in names}


def _given(value: object, names: Sequence[str]) -> Row:
    """The fields that are not None: an encoder's time, and half of a body, would go into nulls."""
    return {name: found for name in names if (found := getattr(value, name)) is not None}


def _attempt(values: Mapping[str, Any] | None) -> Attempt | None:
    if values is None:
        return None
    known = {name: values[name] for name in _ATTEMPT if name in values}
    return Attempt(**{**known, "state": AttemptState(known["state"]), "reason": _reason(known.get("reason"))})


def _cancel(values: Mapping[str, Any] | None) -> CancelRequest | None:
    if values is None:
        return None
    return CancelRequest(**{name: values[name] for name in _CANCEL if name in values})


def _reason(value: str | None) -> FailureReason | None:
    return None if value is None else FailureReason(value)
