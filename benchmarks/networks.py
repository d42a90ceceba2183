"""Posts through the whole of publishing against the bare library, on the same server, answers after 100 ms.

Ours is the publisher with its two commits on SQLite, the adapter, and where the network charges the budget;
the peer is what a script would do: the network's library, or for X's API, whose libraries cannot be pointed
at another server, the same call by ``httpx``. One post after the other, in one process.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from mastodon import Mastodon as Library

from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.config.loader import load
from stonechat.config.settings import DatabaseSettings, PostingSettings
from stonechat.content.budget import Budget, limits_of
from stonechat.content.prices import prices_of
from stonechat.core.clock import SystemClock
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Approval, Content, ContentKind, LatePolicy, Mode
from stonechat.core.network import NetworkAdapter, TextRules
from stonechat.core.states import ContentState
from stonechat.database import Database, open_database
from stonechat.database.repositories import accounts, content
from stonechat.networks.plugin import NetworkPlugin, Surroundings
from stonechat.networks.registry import installed
from stonechat.posting.gate_input import Rules, nothing_blocked
from stonechat.posting.publish_result import PublishVerdict
from stonechat.posting.publisher import Publisher

HANDLE = "quietbuilder"
SLOW_MS = 100
GOAL = 0.8

OPEN = PostingSettings(
    min_spacing=timedelta(), per_hour=100, per_day=500, reply_spacing=timedelta(), author_cooldown=timedelta()
)

Send = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Measured:
    a_minute: float
    cpu_ms: float


async def bench_networks(posts: int = 60) -> list[dict[str, Any]]:
    """Rows of ``{"measure", "ours", "peer", "ratio", "goal", "met"}`` for each network of the local one."""
    rows: list[dict[str, Any]] = []
    for name, peer in (("mastodon", _bare_mastodon), ("x_api", _bare_x)):
        with tempfile.TemporaryDirectory(prefix="stonechat-bench-") as folder:
            rows += await _compared(name, peer, posts, Path(folder))
    return rows


async def _compared(
    name: str, peer: Callable[[LocalNetwork], Send], posts: int, folder: Path
) -> list[dict[str, Any]]:
    clock = SystemClock()
    now = clock.now()
    async with local_network(handle=HANDLE, seed=7, speed=1.0, epoch=now, state_dir=folder / "n") as site:
        await site.move_levers(slow_ms=SLOW_MS)
        async with open_database(f"sqlite:///{folder}/s.db", DatabaseSettings(), clock) as database:
            send = await _ours(installed()[name], site, database, clock, folder)
            await send("first of ours")  # what a server says of itself is asked once
            bare = peer(site)
            await bare("first of the peer's")
            theirs = await _measure(bare, "peer", posts)
            ours = await _measure(send, "ours", posts)
        live = len(await site.ledger(HANDLE))
    assert live == 2 * posts + 2, f"{live} of {2 * posts + 2} are live"
    return [
        _row(
            f"{name}: posts a minute", ours.a_minute, theirs.a_minute, ours.a_minute / theirs.a_minute, GOAL
        ),
        _row(f"{name}: CPU a post, ms", ours.cpu_ms, theirs.cpu_ms, theirs.cpu_ms / ours.cpu_ms, None),
    ]


async def _measure(send: Send, whose: str, posts: int) -> _Measured:
    began, cpu = time.perf_counter(), time.process_time()
    for number in range(posts):
        await send(f"A short walk is still a walk, {whose} {number}")
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return _Measured(posts / took * 60, used / posts * 1000)


async def _ours(
    plugin: NetworkPlugin, site: LocalNetwork, database: Database, clock: SystemClock, folder: Path
) -> Send:
    assert plugin.demo is not None
    given = {
        "MODE": "demo",
        "ACCOUNT_NETWORK": plugin.name,
        "ACCOUNT_HANDLE": HANDLE,
        "OPENAI_API_KEY": "none",
    }
    settings = load({}, installed().known(), folder=folder, overrides={**given, **plugin.demo(site.site)})
    events = EventStream(clock)
    budget = Budget(database, clock, events, limits_of(settings.content), prices_of(settings.content))
    adapter = plugin.connect(Surroundings(settings, clock, events, spending=budget)).network
    account = Account(
        f"{plugin.name}:{HANDLE}", plugin.name, HANDLE, approval=Approval.NONE, late_policy=LatePolicy.PUBLISH
    )
    async with database.begin("bench.account") as connection:
        await accounts.put(connection, account, clock.now())

    network: Any = _WithText(adapter, plugin.text)
    rules = Rules(OPEN, Mode.DEMO, nothing_blocked)
    publisher = Publisher(database, {plugin.name: network}, clock, events, rules, host="bench")

    async def send(text: str) -> None:
        now = clock.now()
        piece = Content(
            id=text,
            account_id=account.id,
            kind=ContentKind.SINGLE,
            state=ContentState.QUEUED,
            parts=(text,),
            due_at=now,
            created_at=now,
            state_since=now,
        )
        async with database.begin("bench.queue") as connection:
            await content.add(connection, piece, who="bench")
        result = await publisher.publish(account, piece.id)
        assert result.verdict is PublishVerdict.POSTED, result

    return send


class _WithText:
    """The adapter with its text rules, and no breakers."""

    def __init__(self, adapter: NetworkAdapter, text: TextRules) -> None:
        self._adapter = adapter
        self.max_length, self.length, self.entities = text.max_length, text.length, text.entities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def _bare_mastodon(site: LocalNetwork) -> Send:
    library = Library(api_base_url=site.url, access_token=site.tokens[HANDLE], mastodon_version="4.5.0")

    async def send(text: str) -> None:
        await asyncio.to_thread(library.status_post, text)

    return send


def _bare_x(site: LocalNetwork) -> Send:
    client = httpx.AsyncClient(base_url=site.url, headers={"Authorization": f"Bearer {site.tokens[HANDLE]}"})

    async def send(text: str) -> None:
        (await client.post("/2/tweets", json={"text": text})).raise_for_status()

    return send


def _row(measure: str, ours: float, peer: float, ratio: float, goal: float | None) -> dict[str, Any]:
    met = None if goal is None else ratio >= goal
    return {
        "measure": measure,
        "ours": round(ours, 1),
        "peer": round(peer, 1),
        "ratio": round(ratio, 2),
        "goal": goal,
        "met": met,
    }
