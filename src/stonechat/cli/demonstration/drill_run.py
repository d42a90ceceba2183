"""Runs a drill: a private copy, a real fault, and what the network's own ledger says afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stonechat.cli.context import open_for_cli
from stonechat.cli.demonstration.drill_copy import HANDLE, Copy, Told
from stonechat.cli.demonstration.drill_faults import POSTGRESQL, REDIS, SQLITE, Drill
from stonechat.cli.demonstration.drill_servers import free_port, postgresql, redis
from stonechat.cli.demonstration.ledger_audit import Audit, audit
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.config.loader import load
from stonechat.config.settings import Settings
from stonechat.core.clock import SystemClock
from stonechat.core.errors import StonechatError, Transient
from stonechat.core.states import ContentState
from stonechat.database.repositories import content, learning, metrics, receipts
from stonechat.networks.registry import installed

EPOCH = datetime(2026, 1, 5, 8, tzinfo=UTC)
SPEED = 300
"""Account seconds in a real one: a post is due every 12 real seconds."""

STARTS_WITHIN, RECOVERS_WITHIN, OVER_WITHIN = 240.0, 240.0, 60.0


CLOCK = SystemClock()


def _now() -> float:
    """Unix seconds of the machine, which the local network counts in too."""
    return CLOCK.wall().timestamp()


@dataclass(frozen=True, slots=True)
class DrillResult:
    """One row of the report; times in real seconds, None where it did not happen.

    Attributes:
        database: on which it ran.
        detected: from the fault until the copy's own verdict was not *ok*.
        told: from the fault until the first message.
        root: the part that the first message was about.
        messages: what was told, in order: ``firing`` or ``resolved`` and the title.
        recovered: from the end of the fault until a post went out and the verdict was *ok* again.
        passed: one message with the right root and one that it is over (or none, where none is due);
            recovered, none lost or doubled.
        why: what went wrong with the drill itself.
    """

    name: str
    database: str
    detected: float | None = None
    told: float | None = None
    root: str = ""
    messages: tuple[str, ...] = ()
    recovered: float | None = None
    lost: int | None = None
    doubled: int | None = None
    passed: bool = False
    why: str = ""


async def run_drill(drill: Drill, database: str = SQLITE, *, keep: Path | None = None) -> DrillResult:
    """Start a private copy, provoke the fault, and hold the outcome against the network's ledger.

    Args:
        database: what the copy uses where the drill does not ask for one.
        keep: a folder for the copy's log.
    """
    if drill.needs in (SQLITE, POSTGRESQL):
        database = drill.needs
    with tempfile.TemporaryDirectory(prefix="stonechat-drill-") as folder:
        Path(folder).chmod(0o711)  # the database server runs as another user below it
        try:
            async with _copy(drill, database, Path(folder)) as (copy, settings):
                return await _drilled(drill, database, copy, settings)
        except StonechatError as error:
            return DrillResult(drill.name, database, why=error.what)
        finally:
            if keep is not None:
                _keep_log(Path(folder), keep / f"{drill.name}-{database}.log")


def _keep_log(folder: Path, path: Path) -> None:
    log = folder / "stonechat.log"
    if log.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(log, path)


async def _drilled(drill: Drill, database: str, copy: Copy, settings: Settings) -> DrillResult:
    await copy.until(lambda: _has_posts(copy, 1), "the first post", STARTS_WITHIN)
    await copy.until(copy.is_well, "all well", STARTS_WITHIN)
    began = _now()
    async with drill.fault(copy):
        detected = await _first(copy, drill, began)
    ended, before = _now(), await copy.posts()
    recovered = await _recovery(copy, before, ended)
    with contextlib.suppress(Transient):  # that it is over is told a little after it is
        await copy.until(lambda: _is_over(copy, began), "the word that it is over", OVER_WITHIN)
    told = await copy.told(began)
    found = await _audit(copy.network, settings)
    return DrillResult(
        drill.name,
        database,
        detected,
        round(told[0].at - began, 1) if told else None,
        told[0].part if told else "",
        tuple(f"{one.status} {one.title}" for one in told),
        recovered,
        found.lost,
        found.doubled,
        passed=is_as_due(drill, told) and recovered is not None and found.lost == found.doubled == 0,
    )


def is_as_due(drill: Drill, told: Sequence[Told]) -> bool:
    """One message that names the root, and its end where it has one; none where none is due."""
    if not drill.root:
        return not told
    words = [one.status for one in told]
    due = ["firing"] if drill.ends_unsaid else ["firing", "resolved"]
    return words == due and told[0].part == drill.root


async def _is_over(copy: Copy, began: float) -> bool:
    words = [one.status for one in await copy.told(began)]
    return words.count("firing") <= words.count("resolved")


async def _has_posts(copy: Copy, count: int) -> bool:
    return await copy.posts() >= count


async def _first(copy: Copy, drill: Drill, began: float) -> float | None:
    """Let the fault last; when the copy's own verdict first was not *ok*."""
    detected = None
    while _now() - began < drill.lasts:
        said = await copy.health()
        if detected is None and said and said.get("state") != "ok":
            detected = round(_now() - began, 1)
        await asyncio.sleep(0.5)
    return detected


async def _recovery(copy: Copy, before: int, ended: float) -> float | None:
    try:
        await copy.until(lambda: _has_posts(copy, before + 1), "the next post", RECOVERS_WITHIN)
        await copy.until(copy.is_well, "all well", RECOVERS_WITHIN)
    except StonechatError:
        return None
    return round(_now() - ended, 1)


@asynccontextmanager
async def _copy(drill: Drill, database: str, folder: Path) -> AsyncIterator[tuple[Copy, Settings]]:
    async with AsyncExitStack() as stack:
        origin = _now()
        network = await stack.enter_async_context(
            local_network(
                handle=HANDLE, seed=7, speed=SPEED, epoch=EPOCH, origin=origin, state_dir=folder / "network"
            )
        )
        given: dict[str, Any] = _settings_of(network, folder, origin)
        given |= {name: str(value).format(folder=folder) for name, value in drill.settings.items()}
        server = None
        if database == POSTGRESQL:
            server = await stack.enter_async_context(postgresql(folder / "postgresql"))
            given["DATABASE_URL"] = server.url
        if drill.needs == REDIS:
            server = await stack.enter_async_context(redis(folder / "redis"))
            given["REDIS_URL"] = server.url
        settings = load({}, installed().known(), folder=folder, overrides=given)
        copy = Copy(folder, network, {name: str(value) for name, value in given.items()}, server)
        stack.push_async_callback(copy.stop)
        await copy.start()
        yield copy, settings


def _settings_of(network: LocalNetwork, folder: Path, origin: float) -> dict[str, Any]:
    return {
        "MODE": "demo",
        "DATA_DIR": str(folder / "data"),
        "CLOCK_SPEED": SPEED,
        "CLOCK_EPOCH": EPOCH.isoformat(),
        "CLOCK_ORIGIN": repr(origin),
        "ACCOUNT_HANDLE": HANDLE,
        "POSTS_PER_DAY": 24,
        "APPROVAL": "none",
        **installed().settings_of_demo(network.site),
        "OPENAI_BASE_URL": network.model_url,
        "OPENAI_API_KEY": "local",
        "OPENAI_MODEL": "local-writer",
        "ALERT_WEBHOOK_URL": network.inbox_url,
        "PORT": free_port(),
    }


async def _audit(network: LocalNetwork, settings: Settings) -> Audit:
    """What we believe beside what the network recorded."""
    async with open_for_cli(settings) as (database, _), database.read("drill.audit") as connection:
        contents = await content.in_states(connection, list(ContentState), limit=100_000)
        parts = {one.id: await receipts.confirmed_parts(connection, one.id) for one in contents}
        shots = await metrics.every(connection)
        rewards = await learning.count_learned(connection)
    ledger = await network.ledger(HANDLE)
    served = await network.served(sorted({shot.post_id for shot in shots}))
    return audit(ledger, served, contents, parts, shots, rewards=rewards)
