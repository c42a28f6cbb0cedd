"""From what the store holds to what clients see."""

from datetime import UTC, datetime
from typing import Any

from prismlane.common.wire import AttemptView, ColumnView, DatasetView, EventView, JobView, Progress
from prismlane.engine.data.manifest import Dataset
from prismlane.engine.jobs.events import JobAccepted, event_to_dict
from prismlane.engine.jobs.model import Attempt, Job
from prismlane.engine.ports import StoredEvent


def job_view(job: Job, progress: dict[str, Any] | None = None) -> JobView:
    """`job` as clients see it; `progress` is shown while it runs."""
    spec = job.spec
    links = {"self": f"/v1/jobs/{job.id}", "events": f"/v1/jobs/{job.id}/events"}
    if job.result_hash is not None:
        links |= {"result": f"/v1/jobs/{job.id}/result", "report": f"/v1/jobs/{job.id}/report"}
    return JobView(
        id=job.id,
        state=job.state,
        analysis=spec.analysis,
        analysis_version=spec.analysis_version,
        dataset=spec.dataset_id,
        params=dict(spec.params),
        seed=spec.seed,
        priority=spec.priority,
        labels=dict(spec.labels),
        created_at=_time(job.created_at),
        updated_at=_time(job.updated_at),
        started_at=_time_or_none(job.started_at),
        finished_at=_time_or_none(job.finished_at),
        n_attempts=job.n_attempts,
        max_attempts=spec.max_attempts,
        run_timeout_s=spec.run_timeout_s,
        version=job.seq,
        attempt=_attempt_view(job.attempt) if job.attempt is not None else None,
        progress=Progress.model_validate(progress) if progress and job.state == "running" else None,
        reason=job.reason,
        error=dict(job.error) if job.error is not None else None,
        result_hash=job.result_hash,
        links=links,
    )


def event_view(stored: StoredEvent) -> EventView:
    """An event as a CloudEvent. Its id is the same however often it is told."""
    data = event_to_dict(stored.event)
    at = data.pop("at")
    if isinstance(stored.event, JobAccepted):
        data = {"analysis": data["spec"]["analysis"], "dataset": data["spec"].get("dataset_id")}
    return EventView(
        id=f"{stored.job_id}/{stored.seq}",
        source="/v1/jobs",
        type=stored.event.type,
        subject=stored.job_id,
        time=_time(at),
        seq=stored.seq,
        data=data,
    )


def dataset_view(dataset: Dataset) -> DatasetView:
    """`dataset` as clients see it."""
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        format=dataset.format,
        fingerprint=dataset.fingerprint,
        n_rows=dataset.n_rows,
        n_columns=len(dataset.columns),
        n_bytes=dataset.n_bytes,
        n_partitions=len(dataset.partitions),
        created_at=_time(dataset.created_at),
        columns=[ColumnView(name=c.name, type=c.type, role=c.role) for c in dataset.columns],
        options=dict(dataset.options),
        warnings=list(dataset.warnings),
    )


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        state=attempt.state,
        worker=attempt.worker,
        claimed_at=_time(attempt.claimed_at),
        ended_at=_time_or_none(attempt.ended_at),
        reason=attempt.reason,
        error=dict(attempt.error) if attempt.error is not None else None,
    )


def _time(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def _time_or_none(epoch_s: float | None) -> datetime | None:
    return None if epoch_s is None else _time(epoch_s)
