"""What transactions mean for the rows of each table. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from prismlane.common.errors import ConflictError
from prismlane.engine.jobs.model import Job
from prismlane.engine.ports import Change, Transaction
from prismlane.engine.storage import rows
from prismlane.engine.storage.rows import Row


@dataclass(slots=True)
class WriteBatch:
    """The rows of one commit. Several changes of a job leave one row of it, and all of their events."""

    new_jobs: dict[str, Job] = field(default_factory=dict)
    #: The job after its last change, and the seq that the store must hold.
    moved_jobs: dict[str, tuple[Job, int]] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    attempts: dict[tuple[str, int], Row] = field(default_factory=dict)
    checkpoints: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    keys: list[Row] = field(default_factory=list)
    datasets: list[Row] = field(default_factory=list)
    deleted_datasets: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, transactions: Sequence[Transaction]) -> "WriteBatch":
        """The rows of `transactions`, in order.

        Raises:
            ConflictError: two changes of one job do not follow each other.
        """
        batch = cls()
        for transaction in transactions:
            for change in transaction.changes:
                batch._add_change(change)
            for checkpoint in transaction.checkpoints:
                place = (checkpoint.job_id, checkpoint.pass_number, checkpoint.partition)
                batch.checkpoints[place] = rows.checkpoint_row(checkpoint)
            batch.keys += [rows.key_row(key) for key in transaction.keys]
            batch.datasets += [rows.dataset_row(tenant, dataset) for tenant, dataset in transaction.datasets]
            batch.deleted_datasets += [
                {"tenant": tenant, "id": dataset_id} for tenant, dataset_id in transaction.deleted_datasets
            ]
        return batch

    def _add_change(self, change: Change) -> None:
        job = change.job
        before = self._seq_in_batch(job.id)
        if before is not None and job.seq != before + 1:
            raise seq_conflict(job.id, job.seq, before)
        if job.seq == 1 or job.id in self.new_jobs:
            self.new_jobs[job.id] = job
        else:
            _, stored = self.moved_jobs.get(job.id, (job, job.seq - 1))
            self.moved_jobs[job.id] = (job, stored)
        self.events.append(rows.event_row(change))
        if job.attempt is not None:
            self.attempts[job.id, job.attempt.number] = rows.attempt_row(job, job.attempt)

    def _seq_in_batch(self, job_id: str) -> int | None:
        if job_id in self.new_jobs:
            return self.new_jobs[job_id].seq
        return self.moved_jobs[job_id][0].seq if job_id in self.moved_jobs else None

    @property
    def new_job_rows(self) -> list[Row]:
        """The jobs that are not in the store."""
        return [rows.job_row(job) for job in self.new_jobs.values()]

    @property
    def moved_job_rows(self) -> list[Row]:
        """The jobs that are in the store with the seq `seq_before`."""
        return [
            {**rows.changing_job_row(job), "seq_before": before} for job, before in self.moved_jobs.values()
        ]

    @property
    def label_rows(self) -> list[Row]:
        """The labels of the new jobs."""
        return [row for job in self.new_jobs.values() if job.spec.labels for row in rows.label_rows(job)]

    @property
    def ended_job_rows(self) -> list[Row]:
        """The ids of the jobs whose checkpoints nobody needs any more."""
        moved = (job for job, _ in self.moved_jobs.values())
        return [{"job_id": job.id} for job in (*self.new_jobs.values(), *moved) if job.is_terminal]


def seq_conflict(job_id: str, seq: int, stored: int | None) -> ConflictError:
    """The error for event `seq` of a job of which the store holds `stored` events (None: no such job)."""
    held = "does not hold the job" if stored is None else f"holds {stored} events of it"
    return ConflictError(
        f"event {seq} of {job_id} was not written: the store {held}",
        hint="Another writer was faster; load the job again.",
        facts={"job": job_id, "seq": seq, "stored_seq": stored},
    )
