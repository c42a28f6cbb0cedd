"""Whether what the store holds of a job agrees with itself."""

from collections.abc import Sequence
from dataclasses import fields

from prismlane.common.errors import DamagedStoreError
from prismlane.engine.jobs.events import JobEvent
from prismlane.engine.jobs.model import Job
from prismlane.engine.jobs.transitions import fold, story


def check_fold(job: Job, events: Sequence[JobEvent]) -> None:
    """Check that the row of a job is the fold of all its events.

    Raises:
        DamagedStoreError: it is not; tells which fields differ.
        InvalidTransitionError, StaleFenceError, ValueError: the events are not the story of any job.
    """
    folded = fold(events)
    differing = [f.name for f in fields(Job) if getattr(folded, f.name) != getattr(job, f.name)]
    if differing:
        raise DamagedStoreError(
            f"the row of {job.id} differs from its {len(events)} events in {', '.join(differing)}: {story(job)}",
            facts={"job": job.id, "fields": differing},
        )
