"""The SQL of the store, compiled once from the tables.

Each statement takes all its rows as one JSON array (`:rows`), and each list is returned as one JSON array. A driver that
steps through rows hands Python's interpreter lock back and forth with every row, and waits up to a switch interval (5 ms)
for it whenever another thread computes: 1,000 inserts took 2 s beside a busy event loop, and 20 ms in this way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from prismlane.engine.ports import KEY_RETENTION_S
from prismlane.engine.storage import rows
from prismlane.engine.storage.schema import (
    ATTEMPTS,
    CHECKPOINTS,
    DATASETS,
    EVENTS,
    IDEMPOTENCY_KEYS,
    JOB_LABELS,
    JOBS,
    META,
)

_DIALECT = sqlite.dialect(paramstyle="named")

EPOCH: Final = "epoch"


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement, and the values of those of its parameters that are fixed."""

    text: str
    fixed: Mapping[str, Any]

    def bound(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of the statement."""
        return {**self.fixed, **params}


def _compiled(statement: sa.ClauseElement) -> Sql:
    compiled = statement.compile(dialect=_DIALECT)
    # What has no value here has none until it is run, and the driver refuses a parameter that is left out.
    fixed = {name: value for name, value in (compiled.params or {}).items() if value is not None}
    return Sql(str(compiled), fixed)


def _given(columns: Sequence[str]) -> "sa.Select[Any]":
    """The rows of `:rows` as a table with these columns."""
    each = sa.func.json_each(sa.bindparam("rows")).table_valued("value", name="each")
    return sa.select(
        *(each.c.value.op("->>")(sa.literal_column(f"'{name}'")).label(name) for name in columns)
    )


def _columns(table: sa.Table) -> list[str]:
    return [column.name for column in table.c if column is not EVENTS.c.position]


def _insert(table: sa.Table) -> Sql:
    return _compiled(sa.insert(table).from_select(_columns(table), _given(_columns(table))))


def _replace(table: sa.Table, *, only_where: Any = None) -> Sql:
    """Insert, or overwrite the row with the same key."""
    keys = [column.name for column in table.primary_key]
    # SQLite needs a WHERE here: else it reads ON CONFLICT as the condition of a join.
    source = _given(_columns(table)).where(sa.true())
    insert = sqlite.insert(table).from_select(_columns(table), source)
    values = {name: insert.excluded[name] for name in _columns(table) if name not in keys}
    where = None if only_where is None else only_where(insert.excluded)
    return _compiled(insert.on_conflict_do_update(index_elements=keys, set_=values, where=where))


def _update_jobs() -> Sql:
    """Move jobs on whose stored `seq` is `seq_before`; fewer changed rows than given ones mean a conflict."""
    changing = ("state", "seq", "finished_at", "result_hash", "body")
    new = _given(["id", "seq_before", *changing]).subquery("new")
    return _compiled(
        sa.update(JOBS)
        .values({name: new.c[name] for name in changing})
        .where(JOBS.c.id == new.c.id, JOBS.c.seq == new.c.seq_before)
    )


def _delete(table: sa.Table, *keys: str) -> Sql:
    gone = _given(keys).subquery("gone")
    return _compiled(
        sa.delete(table).where(sa.tuple_(*(table.c[name] for name in keys)).in_(sa.select(gone)))
    )


def _listed(select: "sa.Select[Any] | sa.CompoundSelect[Any]") -> Sql:
    found = select.subquery("found")
    return _compiled(sa.select(sa.func.json_group_array(sa.func.json_array(*found.c))))


# --- writing --------------------------------------------------------------------------------------

INSERT_JOBS: Final = _insert(JOBS)
UPDATE_JOBS: Final = _update_jobs()
INSERT_LABELS: Final = _insert(JOB_LABELS)
INSERT_EVENTS: Final = _insert(EVENTS)
REPLACE_ATTEMPTS: Final = _replace(ATTEMPTS)
REPLACE_CHECKPOINTS: Final = _replace(CHECKPOINTS)
DELETE_CHECKPOINTS: Final = _delete(CHECKPOINTS, "job_id")
INSERT_DATASETS: Final = _insert(DATASETS)
DELETE_DATASETS: Final = _delete(DATASETS, "tenant", "id")
#: A key that is still in force stays, and changes no row.
WRITE_KEYS: Final = _replace(
    IDEMPOTENCY_KEYS,
    only_where=lambda new: IDEMPOTENCY_KEYS.c.created_at <= new.created_at - KEY_RETENTION_S,
)
RAISE_EPOCH: Final = _compiled(
    sqlite.insert(META)
    .values(name=EPOCH, value=1)
    .on_conflict_do_update(index_elements=["name"], set_={"value": META.c.value + 1})
    .returning(META.c.value)
)

# --- reading --------------------------------------------------------------------------------------

SELECT_EPOCH: Final = _compiled(sa.select(META.c.value).where(META.c.name == EPOCH))
SELECT_SEQS: Final = _listed(sa.select(JOBS.c.id, JOBS.c.seq).where(JOBS.c.id.in_(_given(["id"]))))
_JOB = tuple(JOBS.c[name] for name in rows.JOB_COLUMNS)
SELECT_JOB: Final = _listed(
    sa.select(*_JOB).where(JOBS.c.id == sa.bindparam("id"), JOBS.c.tenant == sa.bindparam("tenant"))
)
#: A page of the jobs that have not ended, in order of creation, after (`:created_at`, `:id`).
SELECT_UNFINISHED: Final = _listed(
    sa.select(*_JOB, JOBS.c.created_at)
    .where(
        JOBS.c.finished_at.is_(None),
        sa.tuple_(JOBS.c.created_at, JOBS.c.id) > sa.tuple_(sa.bindparam("created_at"), sa.bindparam("id")),
    )
    .order_by(JOBS.c.created_at, JOBS.c.id)
    .limit(sa.bindparam("limit"))
)
SELECT_EVENTS: Final = _listed(
    sa.select(*(EVENTS.c[name] for name in rows.EVENT_COLUMNS))
    .where(
        EVENTS.c.job_id == sa.bindparam("job_id"),
        EVENTS.c.seq > sa.bindparam("after"),
        EVENTS.c.tenant == sa.bindparam("tenant"),
    )
    .order_by(EVENTS.c.seq)
    .limit(sa.bindparam("limit"))
)
SELECT_ATTEMPTS: Final = _listed(
    sa.select(ATTEMPTS.c.body)
    .where(ATTEMPTS.c.job_id == sa.bindparam("job_id"), ATTEMPTS.c.tenant == sa.bindparam("tenant"))
    .order_by(ATTEMPTS.c.number)
)
SELECT_CHECKPOINTS: Final = _listed(
    sa.select(*(CHECKPOINTS.c[name] for name in rows.CHECKPOINT_COLUMNS))
    .where(CHECKPOINTS.c.job_id == sa.bindparam("job_id"))
    .order_by(CHECKPOINTS.c.pass_number, CHECKPOINTS.c.partition)
)
_OF_TENANT = DATASETS.c.tenant == sa.bindparam("tenant")
SELECT_DATASET: Final = _listed(
    sa.select(DATASETS.c.body).where(DATASETS.c.id == sa.bindparam("id"), _OF_TENANT)
)
SELECT_DATASET_WITH: Final = _listed(
    sa.select(DATASETS.c.body)
    .where(
        _OF_TENANT,
        DATASETS.c.fingerprint == sa.bindparam("fingerprint"),
        DATASETS.c.name == sa.bindparam("name"),
    )
    .order_by(DATASETS.c.id.desc())
    .limit(1)
)
SELECT_KEY: Final = _listed(
    sa.select(*(IDEMPOTENCY_KEYS.c[name] for name in rows.KEY_COLUMNS)).where(
        *(IDEMPOTENCY_KEYS.c[name] == sa.bindparam(name) for name in ("tenant", "route", "key"))
    )
)
SELECT_LIVE_HASHES: Final = _listed(
    sa.union_all(
        sa.select(JOBS.c.result_hash).where(JOBS.c.result_hash.is_not(None)),
        sa.select(CHECKPOINTS.c.state_hash),
        sa.select(DATASETS.c.source_hash),
        sa.select(DATASETS.c.table_hash),
    )
)


@cache
def select_datasets(*, paged: bool) -> Sql:
    """A page of datasets; `paged` where `:before` is given."""
    chosen = sa.select(DATASETS.c.body).where(_OF_TENANT)
    if paged:
        chosen = chosen.where(DATASETS.c.id < sa.bindparam("before"))
    return _listed(chosen.order_by(DATASETS.c.id.desc()).limit(sa.bindparam("limit")))


@cache
def select_jobs(*, n_states: int, n_labels: int, by_analysis: bool, by_dataset: bool, paged: bool) -> Sql:
    """A page of jobs for one shape of filter; parameters `state_0`, `name_0`, `value_0`, `analysis`, ..."""

    def page(number: int | None) -> "sa.Select[Any]":
        chosen, job_id = _with_labels(n_labels)
        if number is not None:
            chosen = chosen.where(JOBS.c.state == sa.bindparam(f"state_{number}"))
        if by_analysis:
            chosen = chosen.where(JOBS.c.analysis == sa.bindparam("analysis"))
        if by_dataset:
            chosen = chosen.where(JOBS.c.dataset_id == sa.bindparam("dataset_id"))
        if paged:
            chosen = chosen.where(job_id < sa.bindparam("before"))
        return chosen.order_by(job_id.desc()).limit(sa.bindparam("limit"))

    if n_states <= 1:
        return _listed(page(0 if n_states else None))
    # One page a state, each in the order of its index, then the newest of all: never a sort of all that ever ended.
    pages = sa.union_all(*(sa.select(page(number).subquery()) for number in range(n_states))).subquery()
    return _listed(sa.select(pages).order_by(pages.c.id.desc()).limit(sa.bindparam("limit")))


def _with_labels(n_labels: int) -> "tuple[sa.Select[Any], sa.ColumnElement[Any]]":
    """The jobs with all of the labels, and the column of their ids whose index gives the order of the page."""
    chosen = sa.select(*_JOB)
    if not n_labels:
        return chosen.where(JOBS.c.tenant == sa.bindparam("tenant")), JOBS.c.id
    tables = [JOB_LABELS.alias(f"label_{number}") for number in range(n_labels)]
    for number, label in enumerate(tables):
        chosen = chosen.where(
            label.c.tenant == sa.bindparam("tenant"),
            label.c.name == sa.bindparam(f"name_{number}"),
            label.c.value == sa.bindparam(f"value_{number}"),
            label.c.job_id == (tables[0].c.job_id if number else JOBS.c.id),
        )
    return chosen.where(JOBS.c.tenant == sa.bindparam("tenant")), tables[0].c.job_id
