"""The first steps of the boot: health server, database, cache."""

from __future__ import annotations

from datetime import timedelta

from stonechat.cache import FallbackCache, open_cache
from stonechat.core.errors import Transient
from stonechat.dashboard.connections import ConnectionLimits
from stonechat.dashboard.server import Dashboard, open_dashboard
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts
from stonechat.startup import health_checks
from stonechat.startup.boot_context import BootContext
from stonechat.startup.database_sharing import refuse_far_file, refuse_other_machines
from stonechat.startup.descriptors import raise_descriptor_limit


async def start_health_server(base: BootContext) -> Dashboard:
    """First of all, so that it can be asked what the rest waits for; the pages are the main process's."""
    async with base.boot.step("health server"):
        descriptors = raise_descriptor_limit()
        limits = ConnectionLimits.within(descriptors)
        dashboard = await base.boot.enter(
            open_dashboard(
                base.settings.dashboard,
                base.data,
                base.clock,
                base.events,
                pages=not base.extra,
                limits=limits,
                folder=base.settings.startup.data_dir,
            )
        )
        bounds = f"at most {limits.most} connections of {descriptors} file descriptors"
        base.boot.say(f"{dashboard.address} {dashboard.note}; {bounds}")
    return dashboard


async def start_database(base: BootContext) -> Database:
    """The database, upgraded, with a row for each account that is served."""
    async with base.boot.step("database"):
        if base.extra:
            refuse_far_file(base.settings)
        database = await _open_database(base)
        await refuse_other_machines(database, base.settings)
        async with database.begin("startup.accounts") as connection:
            for account in base.served:
                await accounts.put(connection, account, base.clock.now())
        health_checks.check_database(base.board, database)
        base.data.connect(database=database)
        base.alerting.connect(database=database)
        base.boot.say(database.url)
    return database


async def start_cache(base: BootContext, database: Database) -> FallbackCache:
    """Redis, or the cache in this process."""
    async with base.boot.step("cache"):
        cache = await base.boot.enter(open_cache(base.settings.cache, base.clock, base.events))
        health_checks.check_cache(base.board, base.meters, cache)
        base.data.connect(cache=cache)
        base.boot.say(cache.health().serving)
    return cache


async def _open_database(base: BootContext) -> Database:
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
