"""Bring the schema of a database to this release, through alembic and Python's own SQLite driver."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from prismlane.common.errors import StoreUnavailableError


def migrate(database: Path) -> None:
    """Run the migrations that `database` lacks. No other connection of this process may have it open.

    Raises:
        StoreUnavailableError: a newer release wrote it.
    """
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(database)), poolclass=sa.pool.NullPool)
    try:
        with engine.begin() as connection:
            command.upgrade(config(connection), "head")
    finally:
        engine.dispose()


def refuse_unknown(revision: str) -> None:
    """Refuse a database whose revision this release does not know.

    Raises:
        StoreUnavailableError: it was written by a newer release.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if revision not in known:
        raise StoreUnavailableError(
            f"the store has schema {revision}, which this release does not know",
            hint="A newer release of Prismlane has written it: start that one, or a newer one.",
            facts={"schema": revision},
        )


def config(connection: sa.Connection | None = None) -> Config:
    """The settings of alembic; they come from no file."""
    settings = Config()
    settings.set_main_option("script_location", "prismlane.engine.storage:migrations")
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings
