"""What alembic runs: the migrations, in the transaction of the connection that `migrate` opened."""

from alembic import context

from prismlane.engine.storage.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
context.run_migrations()
