"""Alembic's entry: migrations run on the connection that :func:`migrate` hands over."""

from alembic import context

from stonechat.database.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False
)
context.run_migrations()
