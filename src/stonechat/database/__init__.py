"""Layer 6: the one database engine of the process, on SQLite or PostgreSQL.

It promises one bounded pool, a time limit on every statement, and errors that say whether another try is
worth it. A repository is a module of functions that take a connection and never commit; the caller's
``async with database.begin(task)`` is the unit of work, committed at its end or rolled back as a whole.

::

    async with open_database(settings.database_url, settings.database, clock) as database:
        async with database.begin("posting.claim") as connection:     # one transaction
            piece = await content.find(connection, content_id, lock=True)
        async with database.read("dashboard.accounts") as connection:  # waits for no writer
            everyone = await accounts.every(connection)

Wings: ``connection`` (pool, limits, errors), ``schema`` (tables, migrations), ``repositories``,
``maintenance`` (backup, restore, transfer, retention), ``spool`` (what waits on disk while it is away).
"""

from stonechat.database.connection.database import Database, open_database

__all__ = ["Database", "open_database"]
