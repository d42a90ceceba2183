"""Layer 6: one engine (SQLite or PostgreSQL), migrations, and a repository for each table family.

A repository is a module of functions that take a connection and never commit; the caller's
``async with database.begin(task)`` is the unit of work.
"""

from stonechat.database.connection.database import Database, open_database

__all__ = ["Database", "open_database"]
