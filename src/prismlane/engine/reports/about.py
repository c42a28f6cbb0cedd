"""What a report says of the job that made it: all that the result itself does not know."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAbout:
    """The job, its data and how to run it again."""

    job_id: str
    dataset_name: str
    n_rows: int
    n_columns: int
    submitted_at: datetime
    finished_at: datetime
    #: SHA-256 of the result, 64 hex digits.
    result_hash: str
    #: Where the API was; None for a job that ran without a server.
    server_url: str | None = None
    #: Id of the dataset on that server, if it has one.
    dataset_id: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
