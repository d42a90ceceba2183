"""What every step of the boot may use: settings, time, chance, events, and where health is kept."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from stonechat.alerting import Alerting, open_alerting
from stonechat.config.settings import AccountSettings, Settings
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.redaction import Secrets
from stonechat.dashboard.alert_board import AlertBoard
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.server import pages_address
from stonechat.database.spool.spool import Spool
from stonechat.monitoring import HealthBoard, Meters, open_board
from stonechat.networks.registry import Registry, installed
from stonechat.startup import health_checks
from stonechat.startup.boot import Boot
from stonechat.startup.build_content import account_id
from stonechat.startup.data_folder import make_private

log = structlog.get_logger("stonechat.startup")


@dataclass(frozen=True, slots=True)
class BootContext:
    """What is there before the first step, and told about each part as it opens.

    ``extra``: this process adds a host to a Stonechat that runs elsewhere.
    """

    settings: Settings
    clock: Clock
    events: EventStream
    rng: random.Random
    boot: Boot
    board: HealthBoard
    meters: Meters
    spool: Spool
    alerting: Alerting
    data: DashboardData
    served: tuple[Account, ...]
    networks: Registry
    secrets: Secrets
    extra: bool = False


async def open_base(
    boot: Boot,
    settings: Settings,
    clock: Clock,
    events: EventStream,
    rng: random.Random,
    *,
    extra: bool = False,
    secrets: Secrets | None = None,
) -> BootContext:
    """Health and alerting first: they tell of everything that comes after them."""
    if was := make_private(settings.startup.data_dir):
        log.warning("data_folder.made_private", folder=str(settings.startup.data_dir), before=was, now="0700")
    meters = Meters()
    boot.on_close(_log_stray_errors())
    boot.on_close(events.subscribe(meters.hear))
    board = await boot.enter(open_board(clock, events))
    health_checks.check_startup(board, boot)
    spool = Spool(settings.startup.data_dir / "spool")
    alerting = await boot.enter(
        open_alerting(
            settings.alerting,
            None,
            clock,
            events,
            board,
            spool=spool,
            pool_low=settings.harvesting.pool_low,
            pages=pages_address(settings.dashboard),
        )
    )
    data = DashboardData(
        clock=clock,
        board=board,
        meters=meters,
        mode=settings.startup.mode.value,
        steps=lambda: boot.steps,
        ready=lambda: boot.ready,
        borrowed_voices=settings.borrowed_voices(),
        told=AlertBoard(alerting.firing, alerting.delivery.kept, alerting.delivery.channels),
    )
    served = tuple(account_of(one) for one in settings.accounts)
    networks = installed()
    return BootContext(
        settings,
        clock,
        events,
        rng,
        boot,
        board,
        meters,
        spool,
        alerting,
        data,
        served,
        networks,
        secrets or Secrets(),
        extra,
    )


def account_of(given: AccountSettings) -> Account:
    """The account that these settings describe."""
    return Account(
        id=account_id(given),
        network=given.network,
        handle=given.handle,
        timezone=given.timezone,
        posts_per_day=given.posts_per_day,
        approval=given.approval,
        late_policy=given.late_policy,
    )


def _log_stray_errors() -> Callable[[], None]:
    """What nobody awaited goes to the log, not to the terminal; returns the function that ends it."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def log_it(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        log.warning("stray error", message=context.get("message"), error=repr(context.get("exception")))

    loop.set_exception_handler(log_it)
    return lambda: loop.set_exception_handler(before)
