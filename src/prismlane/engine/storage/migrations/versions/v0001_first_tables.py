"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None
branch_labels = None
depends_on = None

_INTEGER: sa.types.TypeEngine[int] = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SECONDS: sa.types.TypeEngine[float] = sa.Double().with_variant(sa.REAL, "sqlite")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", _INTEGER, nullable=False),
        sqlite_strict=True,
    )
    _create_jobs()
    _create_what_hangs_on_jobs()
    _create_datasets()
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("route", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("created_id", sa.Text, nullable=False),
        sa.Column("created_at", _SECONDS, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them, and all that they hold."""
    for table in (
        "idempotency_keys",
        "datasets",
        "checkpoints",
        "attempts",
        "events",
        "job_labels",
        "jobs",
        "meta",
    ):
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("lane", _INTEGER, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("analysis", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Text, nullable=True),
        sa.Column("seq", _INTEGER, nullable=False),
        sa.Column("created_at", _SECONDS, nullable=False),
        sa.Column("finished_at", _SECONDS, nullable=True),
        sa.Column("result_hash", sa.Text, nullable=True),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("jobs_by_tenant", "jobs", ["tenant", "id"])
    op.create_index("jobs_by_state", "jobs", ["tenant", "state", "id"])
    has_dataset = sa.text("dataset_id IS NOT NULL")
    op.create_index(
        "jobs_by_dataset",
        "jobs",
        ["tenant", "dataset_id", "id"],
        sqlite_where=has_dataset,
        postgresql_where=has_dataset,
    )
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "jobs_unfinished",
        "jobs",
        ["created_at", "id"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def _create_what_hangs_on_jobs() -> None:
    op.create_table(
        "job_labels",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text, primary_key=True),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("position", _INTEGER, primary_key=True),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("seq", _INTEGER, nullable=False),
        sa.Column("lane", _INTEGER, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("at", _SECONDS, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_job", "events", ["job_id", "seq"], unique=True)
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("number", _INTEGER, primary_key=True),
        sa.Column("lane", _INTEGER, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("pass_number", _INTEGER, primary_key=True),
        sa.Column("partition", _INTEGER, primary_key=True),
        sa.Column("lane", _INTEGER, nullable=False),
        sa.Column("state_hash", sa.Text, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("source_hash", sa.Text, nullable=False),
        sa.Column("table_hash", sa.Text, nullable=False),
        sa.Column("created_at", _SECONDS, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("datasets_by_tenant", "datasets", ["tenant", "id"])
    op.create_index("datasets_by_fingerprint", "datasets", ["tenant", "fingerprint", "name", "id"])
