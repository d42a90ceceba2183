"""The steps of the boot up to the job manager: health server, database, cache, browser pool."""

from __future__ import annotations

from datetime import timedelta

from stonechat.browser.pool import BrowserPool, open_browser_pool
from stonechat.browser.sessions import SavedSessions, parse_session
from stonechat.cache import FrontCache, open_cache
from stonechat.core.errors import Transient
from stonechat.dashboard.server import Dashboard, open_dashboard
from stonechat.database import Database, accounts, open_database
from stonechat.startup import checks
from stonechat.startup.base import Base


async def start_health_server(base: Base) -> Dashboard:
    """First of all, so that it can be asked what the rest waits for."""
    async with base.boot.step("health server"):
        dashboard = await base.boot.enter(
            open_dashboard(base.settings.dashboard, base.data, base.clock, base.events)
        )
        base.boot.say(f"{dashboard.address} {dashboard.note}")
    return dashboard


async def start_database(base: Base) -> Database:
    """The database, upgraded, with a row for each account that is served."""
    async with base.boot.step("database"):
        database = await _open_database(base)
        async with database.begin("startup.accounts") as connection:
            for account in base.served:
                await accounts.put(connection, account, base.clock.now())
        checks.check_database(base.board, database)
        base.data.connect(database=database)
        base.alerting.connect(database=database)
        base.boot.say(database.url)
    return database


async def start_cache(base: Base) -> FrontCache:
    """Redis, or the cache in this process."""
    async with base.boot.step("cache"):
        cache = await base.boot.enter(open_cache(base.settings.cache, base.clock, base.events))
        checks.check_cache(base.board, cache)
        base.boot.say(cache.health().serving)
    return cache


async def start_browser(base: Base) -> BrowserPool:
    """The browser pool; a browser that does not start is tried again while the rest runs."""
    async with base.boot.step("browser pool"):
        pool = await base.boot.enter(
            open_browser_pool(
                base.settings.browser,
                base.clock,
                base.events,
                sessions=_sessions(base),
                evidence_folder=base.settings.startup.data_dir / "evidence",
            )
        )
        health = pool.health()
        base.boot.say(health.version if health.up else f"not yet: {health.why}; posts wait for it")
        checks.check_browser(base.board, pool)
        base.data.connect(pool=pool.health)
    return pool


async def _open_database(base: Base) -> Database:
    """A server that is away is waited for, with growing pauses, up to the limit.

    Raises:
        ConfigError: the address can never work.
        Transient: the limit has passed.
    """
    settings, clock = base.settings, base.clock
    limit = clock.monotonic() + settings.database.start_limit.total_seconds()
    pause = 0.5
    while True:
        try:
            return await base.boot.enter(open_database(settings.database_url, settings.database, clock))
        except Transient as away:
            if clock.monotonic() + pause > limit:
                raise
            base.boot.wait(away.what)
            await clock.sleep_real(timedelta(seconds=pause))
            pause = min(pause * 2, 10.0)


def _sessions(base: Base) -> SavedSessions:
    """The log-in that was given, and what the network made of it since."""
    own = base.settings.x_web
    given = {}
    if own.session_b64 is not None:
        session = parse_session(own.session_b64.get_secret_value())
        given = {account.id: session for account in base.served if account.network == "x_web"}
    return SavedSessions(base.settings.startup.data_dir / "sessions", given, own.base_url)
