"""What most commands need: the settings, and the database when one is asked for.

Each function imports what it uses, so that a command loads only what it needs (decision 0066).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from stonechat.config.settings import Section, Settings
    from stonechat.core.clock import Clock
    from stonechat.core.network import TextRules
    from stonechat.database import Database

T = TypeVar("T")
S = TypeVar("S", bound="Section")


def read_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of the folder we stand in and of the environment.

    Raises:
        ConfigError: naming every bad setting at once.
    """
    from stonechat.config.loader import load
    from stonechat.networks.registry import installed

    return load(dict(os.environ), installed().known(), folder=Path.cwd(), overrides=overrides)


def read_stored() -> Settings:
    """Enough of the settings to look into the database: no model key, no log-in and no account is needed.

    Raises:
        ConfigError: naming what is wrong with the address or the folder.
    """
    from stonechat.config.loader import load_stored

    return load_stored(dict(os.environ), folder=Path.cwd())


def read_for_login() -> tuple[Settings, bool]:
    """What logging in needs, and whether there is a screen to show a window on; sessions may be missing.

    Raises:
        ConfigError: naming every bad setting that is needed.
    """
    from stonechat.config.credentials import has_screen
    from stonechat.config.loader import load_for_login
    from stonechat.networks.registry import installed

    environment = dict(os.environ)
    return load_for_login(environment, installed().known(), folder=Path.cwd()), has_screen(environment)


def read_for_connecting() -> Settings:
    """What connecting an account needs; it need not stand in the settings yet.

    Raises:
        ConfigError: naming every bad setting that is needed.
    """
    from stonechat.config.loader import load_for_login
    from stonechat.networks.registry import installed

    known = installed().known()
    return load_for_login(dict(os.environ), known, folder=Path.cwd(), accounts_needed=False)


def read_section(section: type[S]) -> S:
    """One section alone: the others may be missing or wrong.

    Raises:
        ConfigError: naming every bad setting of this section.
    """
    from stonechat.config.loader import load_section

    return load_section(section, dict(os.environ), folder=Path.cwd())


def environment() -> Mapping[str, str]:
    """What the process was given, for the settings that are looked for there."""
    return dict(os.environ)


def make_clock(settings: Settings) -> Clock:
    """The machine's clock, or the demo's: one that it drives, or one that is faster."""
    from stonechat.core.clock import DrivenClock, ScaledClock, SystemClock

    startup = settings.startup
    if startup.clock_file is not None:
        return DrivenClock(startup.clock_speed, startup.clock_file)
    if startup.clock_epoch is None or startup.clock_origin is None:
        return SystemClock()
    return ScaledClock(startup.clock_speed, startup.clock_epoch.astimezone(UTC), startup.clock_origin)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` to its end in a new event loop."""
    return asyncio.run(work)


def text_rules() -> Mapping[str, TextRules]:
    """How each network measures a text, by its name, without opening any."""
    from stonechat.networks.registry import installed

    return {name: one.text for name, one in installed().plugins.items()}


@asynccontextmanager
async def open_for_cli(settings: Settings) -> AsyncIterator[tuple[Database, Clock]]:
    """The database of the settings, for one command.

    Raises:
        Transient: it cannot be reached now.
    """
    from stonechat.database import open_database

    clock = make_clock(settings)
    async with open_database(settings.database_url, settings.database, clock) as database:
        yield database, clock
