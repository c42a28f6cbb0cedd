"""The tables of the store. What is filtered or sorted by has a column; the rest of a value is JSON text in `body`.

All that belongs to a job carries its lane and its tenant, so that lanes can be parted and no query needs a join to keep
tenants apart. There are no foreign keys: a job and what hangs on it are written in one transaction by one writer.
"""

from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()

_INTEGER: sa.types.TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SECONDS: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _integer(name: str, *, primary_key: bool = False) -> "sa.Column[int]":
    return sa.Column(name, _INTEGER, nullable=False, primary_key=primary_key)


def _seconds(name: str, *, nullable: bool = False) -> "sa.Column[float]":
    return sa.Column(name, _SECONDS, nullable=nullable)


#: Numbers of the store itself: `epoch` is that of the tracker that may write.
META: Final = sa.Table(
    "meta", METADATA, _text("name", primary_key=True), _integer("value"), sqlite_strict=True
)

#: One row a job. `spec` is written once, `body` with each event.
JOBS: Final = sa.Table(
    "jobs",
    METADATA,
    _text("id", primary_key=True),
    _integer("lane"),
    _text("tenant"),
    _text("state"),
    _text("analysis"),
    _text("dataset_id", nullable=True),
    _integer("seq"),
    _seconds("created_at"),
    _seconds("finished_at", nullable=True),
    _text("result_hash", nullable=True),
    _text("spec"),
    _text("body"),
    sqlite_strict=True,
)
_HAS_DATASET = JOBS.c.dataset_id.is_not(None)
_UNFINISHED = JOBS.c.finished_at.is_(None)
sa.Index("jobs_by_tenant", JOBS.c.tenant, JOBS.c.id)
sa.Index("jobs_by_state", JOBS.c.tenant, JOBS.c.state, JOBS.c.id)
sa.Index(
    "jobs_by_dataset",
    JOBS.c.tenant,
    JOBS.c.dataset_id,
    JOBS.c.id,
    sqlite_where=_HAS_DATASET,
    postgresql_where=_HAS_DATASET,
)
sa.Index(
    "jobs_unfinished",
    JOBS.c.created_at,
    JOBS.c.id,
    sqlite_where=_UNFINISHED,
    postgresql_where=_UNFINISHED,
)

#: The labels of a job once more, in the order that a filter by label walks.
JOB_LABELS: Final = sa.Table(
    "job_labels",
    METADATA,
    _text("tenant", primary_key=True),
    _text("name", primary_key=True),
    _text("value", primary_key=True),
    _text("job_id", primary_key=True),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

#: The log, which is the outbox as well: `position` orders the events of all jobs, and is never used twice.
EVENTS: Final = sa.Table(
    "events",
    METADATA,
    _integer("position", primary_key=True),
    _text("job_id"),
    _integer("seq"),
    _integer("lane"),
    _text("tenant"),
    _text("type"),
    _seconds("at"),
    _text("body"),
    sa.Index("events_by_job", "job_id", "seq", unique=True),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

ATTEMPTS: Final = sa.Table(
    "attempts",
    METADATA,
    _text("job_id", primary_key=True),
    _integer("number", primary_key=True),
    _integer("lane"),
    _text("tenant"),
    _text("state"),
    _text("body"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

#: Only of jobs that have not ended.
CHECKPOINTS: Final = sa.Table(
    "checkpoints",
    METADATA,
    _text("job_id", primary_key=True),
    _integer("pass_number", primary_key=True),
    _integer("partition", primary_key=True),
    _integer("lane"),
    _text("state_hash"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

DATASETS: Final = sa.Table(
    "datasets",
    METADATA,
    _text("id", primary_key=True),
    _text("tenant"),
    _text("name"),
    _text("fingerprint"),
    _text("source_hash"),
    _text("table_hash"),
    _seconds("created_at"),
    _text("body"),
    sqlite_strict=True,
)
sa.Index("datasets_by_tenant", DATASETS.c.tenant, DATASETS.c.id)
sa.Index("datasets_by_fingerprint", DATASETS.c.tenant, DATASETS.c.fingerprint, DATASETS.c.name, DATASETS.c.id)

IDEMPOTENCY_KEYS: Final = sa.Table(
    "idempotency_keys",
    METADATA,
    _text("tenant", primary_key=True),
    _text("route", primary_key=True),
    _text("key", primary_key=True),
    _text("fingerprint"),
    _text("created_id"),
    _seconds("created_at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
