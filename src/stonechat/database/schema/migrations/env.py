"""Alembic's entry: migrations run on the connection that :func:`migrate` hands over.

The triggers that keep the past as it was are taken away before and put back after: a migration may rebuild
a table (SQLite's batch mode does) or fill a new column.
"""

from alembic import context

from stonechat.database.schema import append_only
from stonechat.database.schema.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=False
)
append_only.remove(connection)
context.run_migrations()
append_only.install(connection)
