"""The part of migration that needs Alembic, which is loaded only when there is something to upgrade."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from stonechat.core.errors import ConfigError, ConfigFault
from stonechat.database.schema.migrations import NEWEST, current


def configuration() -> Config:
    """Alembic's settings, with the scripts of this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def is_known(revision: str) -> bool:
    """Whether this Stonechat can read a database of that version: it is this one, or older."""
    return revision in {one.revision for one in ScriptDirectory.from_config(configuration()).walk_revisions()}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version of the schema to the next, and what it brings."""

    revision: str
    what: str


def pending(connection: Connection) -> list[Migration]:
    """The steps that :func:`upgrade` would take, in order; of a version that is known."""
    scripts = ScriptDirectory.from_config(configuration())
    steps = scripts.iterate_revisions(NEWEST, current(connection) or "base")
    return [Migration(step.revision, step.doc) for step in reversed(list(steps))]


def upgrade(connection: Connection, revision: str = NEWEST) -> None:
    """Migrate up to ``revision``; commits nothing.

    Raises:
        ConfigError: the database was migrated by a newer Stonechat.
    """
    found = current(connection)
    if found == revision:
        return
    if found is not None and not is_known(found):
        raise ConfigError(
            (
                ConfigFault(
                    "DATABASE_URL",
                    f"names a database whose schema ({found}) is newer than this version of Stonechat",
                    "a database of this version or older; update Stonechat to use this one",
                ),
            )
        )
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
