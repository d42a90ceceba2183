"""Networks as the contract suite uses them: the adapter, its account, its faults, and what is really live."""

from __future__ import annotations

import asyncio
import contextlib
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx

from stonechat.browser import open_browser_pool
from stonechat.browser.sessions import GivenSessions
from stonechat.cli.demonstration.local_network import LocalNetwork, local_network
from stonechat.config.settings import BrowserSettings
from stonechat.core.clock import Clock, ScaledClock
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.network import NetworkAdapter, NetworkPost, TextRules
from stonechat.core.states import SessionState
from stonechat.networks.bluesky.posts import read_post
from stonechat.networks.bluesky.records import facets_of
from stonechat.networks.bluesky.text_rules import BlueskyTextRules
from stonechat.networks.registry import installed
from stonechat.networks.x_web.adapter import XWeb
from tests.integration.networks.x_web_support import CHROMIUM
from tests.support import network as fake
from tests.support.bluesky import Levers, Pds, bluesky_at, open_pds
from tests.support.clock import ManualClock
from tests.support.mastodon import mastodon_at, token_of
from tests.support.networks import x_session, x_site
from tests.support.processes import Reaper
from tests.support.waiting import eventually
from tests.support.x_api import Gate, gate_before, x_api_at

HANDLE = "quietbuilder"


class Trouble(StrEnum):
    """What goes wrong with whatever is done next."""

    LOST_ANSWER = "accepted, and the answer is lost"
    LOST_REQUEST = "not accepted, and no answer comes"
    REFUSED = "the text is refused for good"
    RATE_LIMITED = "too many posts"
    SESSION_OVER = "the account is logged out"
    BROKEN = "every answer is an error"


@dataclass(frozen=True)
class Live:
    """A post as the network itself has it."""

    id: str
    text: str
    in_reply_to: str | None
    quoted: str | None
    alts: tuple[str, ...]


class Stand(ABC):
    """One network under test."""

    network: NetworkAdapter
    account: Account
    quotes: bool = True
    """Whether its posts can quote others."""

    @property
    @abstractmethod
    def text(self) -> TextRules:
        """What the network makes of a text."""

    @abstractmethod
    async def live(self) -> list[Live]:
        """The account's posts by the network's own word, oldest first."""

    @abstractmethod
    async def trouble(self, trouble: Trouble) -> None:
        """Let this go wrong from now on, or with the next post."""

    @abstractmethod
    async def calm(self) -> None:
        """End all trouble."""

    @abstractmethod
    def breaking_off(self, first: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Within the block a thread is refused behind its first part."""

    async def somebodys_post(self) -> NetworkPost:
        """A post of somebody else's."""
        found = await self.network.search(self.account, "the")
        return next(one for one in found.posts if one.author.casefold() != self.account.handle.casefold())


# --- the tests' own -----------------------------------------------------------------------------------------


@dataclass
class FakeStand(Stand):
    """The network in memory that most tests of publishing use."""

    network: fake.FakeNetwork = field(default_factory=lambda: fake.FakeNetwork(ManualClock()))
    account: Account = field(default_factory=lambda: Account(f"fake:{HANDLE}", "fake", HANDLE))

    @property
    def text(self) -> TextRules:
        """The fake's own."""
        return self.network

    def __post_init__(self) -> None:
        now = self.network.clock.now()
        self.network.others = [
            fake.foreign_post("501", "ann", "The early walk is the best one", now, likes=3),
            fake.foreign_post("502", "bob", f"@{HANDLE} what do you make of the evening?", now, likes=1),
        ]
        self.network.gone = {"1234567890", "nobody_at_all"}

    async def live(self) -> list[Live]:
        return [
            Live(one.id, one.text, one.in_reply_to, one.quoted_id, tuple(shown.alt for shown in one.pictures))
            for one in self.network.ledger
        ]

    async def trouble(self, trouble: Trouble) -> None:
        match trouble:
            case Trouble.LOST_ANSWER:
                self.network.faults = [fake.Fault.LOST_ANSWER]
            case Trouble.LOST_REQUEST:
                self.network.faults = [fake.Fault.NOT_ACCEPTED]
            case Trouble.REFUSED:
                self.network.faults = [fake.Fault.FORBIDDEN]
            case Trouble.RATE_LIMITED:
                self.network.faults = [fake.Fault.REFUSED]
            case Trouble.SESSION_OVER:
                self.network.state = SessionState.EXPIRED
            case Trouble.BROKEN:
                self.network.broken = True

    async def calm(self) -> None:
        self.network.faults, self.network.state, self.network.broken = [], SessionState.VALID, False

    @contextlib.asynccontextmanager
    async def breaking_off(self, first: str) -> AsyncIterator[None]:
        self.network.faults = [fake.Fault.HALF_KNOWN]
        yield


# --- Bluesky, on a real personal data server ------------------------------------------------------------------


@dataclass
class BlueskyStand(Stand):
    """The real adapter on the real server."""

    network: NetworkAdapter
    account: Account
    pds: Pds
    clock: Clock

    @property
    def text(self) -> TextRules:
        return BlueskyTextRules()

    async def live(self) -> list[Live]:
        records = await self.pds.records(self.account.handle)
        return [_record(one) for one in sorted(records, key=lambda one: str(one["value"]["createdAt"]))]

    async def trouble(self, trouble: Trouble) -> None:
        self.pds.levers = {
            Trouble.LOST_ANSWER: Levers(lose_answer=1),
            Trouble.LOST_REQUEST: Levers(lose_request=True),
            Trouble.REFUSED: Levers(refuse="InvalidRequest"),
            Trouble.RATE_LIMITED: Levers(refuse="RateLimitExceeded"),
            Trouble.SESSION_OVER: Levers(logged_out=True),
            Trouble.BROKEN: Levers(broken=True),
        }[trouble]

    async def calm(self) -> None:
        self.pds.levers = Levers()

    @contextlib.asynccontextmanager
    async def breaking_off(self, first: str) -> AsyncIterator[None]:
        self.pds.levers = Levers(refuse="RateLimitExceeded", refuse_after=1)
        yield


def _record(one: dict[str, Any]) -> Live:
    post = read_post(one["uri"], one["value"], HANDLE)
    alts = tuple(shown.alt for shown in post.pictures)
    return Live(post.id, post.text, post.in_reply_to, post.quoted_id, alts)


@contextlib.asynccontextmanager
async def open_bluesky_stand(folder: Path) -> AsyncIterator[BlueskyStand]:
    """The servers' processes, until the block ends."""
    origin = datetime.now(UTC)
    clock = ScaledClock(1.0, origin, origin.timestamp())
    handle = f"{HANDLE}.test"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Reaper()) as reaper:
        async with open_pds(reaper, folder) as pds:
            for one in (handle, "ann.test", "bob.test"):
                await pds.add(one)
            await pds.post("ann.test", "The early walk is the best one")
            text = f"@{handle} what do you make of the evening?"
            await pds.post("bob.test", text, facets=facets_of(text, pds.dids))
            network = bluesky_at(pds.url, clock)
            yield BlueskyStand(network, Account(f"bluesky:{handle}", network.name, handle), pds, clock)


# --- on the local network ---------------------------------------------------------------------------------


@dataclass
class SiteStand(Stand):
    """A real adapter on a local network that is a process of its own."""

    network: NetworkAdapter
    account: Account
    site: LocalNetwork
    clock: Clock

    @property
    def text(self) -> TextRules:
        """As its plug-in says."""
        return installed()[self.network.name].text

    async def live(self) -> list[Live]:
        return [
            Live(
                row["id"],
                row["text"],
                row["in_reply_to"],
                row["quoted"],
                tuple(one["alt"] for one in row["media"]),
            )
            for row in await self.site.ledger(self.account.handle)
        ]

    async def trouble(self, trouble: Trouble) -> None:
        await self.site.move_levers(**_LEVERS[trouble])

    async def calm(self) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            (await client.post(f"{self.site.url}/aviary/levers/reset")).raise_for_status()


class XWebStand(SiteStand):
    """X through its website, in a real Chromium."""

    @contextlib.asynccontextmanager
    async def breaking_off(self, first: str) -> AsyncIterator[None]:
        async def first_is_live() -> bool:
            return any(one.text == first for one in await self.live())

        async def refuse_the_second() -> None:
            await eventually(first_is_live, every=0.005)
            await self.site.move_levers(refuse={"code": 344, "n": 1})

        await self.site.move_levers(slow_ms=400)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(refuse_the_second())
            yield


class MastodonStand(SiteStand):
    """Mastodon's API, where a reply carries the name of whom it answers."""

    async def live(self) -> list[Live]:
        found = await super().live()
        own = {one.id for one in found}
        return [
            replace(one, text=_NAMED.sub("", one.text))
            if one.in_reply_to and one.in_reply_to not in own
            else one
            for one in found
        ]

    @contextlib.asynccontextmanager
    async def breaking_off(self, first: str) -> AsyncIterator[None]:
        await self.site.move_levers(refuse={"code": 344, "n": 1, "after": 1})
        yield


@dataclass
class XApiStand(SiteStand):
    """X's API, every call of which is held to its description."""

    gate: Gate = field(default_factory=Gate)
    token: str = ""
    quotes: bool = False

    async def somebodys_post(self) -> NetworkPost:
        """One whose author spoke to us: X takes no other replies."""
        return (await self.network.mentions(self.account)).posts[0]

    async def calm(self) -> None:
        """One that has waited for the end of each limit: it makes no calls before that."""
        await super().calm()
        assert self.gate.wrong == []
        self.network = x_api_at(self.gate.url, self.token, self.clock)

    @contextlib.asynccontextmanager
    async def breaking_off(self, first: str) -> AsyncIterator[None]:
        await self.site.move_levers(refuse={"code": 344, "n": 1, "after": 1})
        yield


_NAMED = re.compile(r"^@\w+ ")

_LEVERS: dict[Trouble, dict[str, Any]] = {
    Trouble.LOST_ANSWER: {"lose_answer": 1},
    Trouble.LOST_REQUEST: {"lose_request": True},
    Trouble.REFUSED: {"refuse": {"code": 186, "n": 1}},
    Trouble.RATE_LIMITED: {"refuse": {"code": 344, "n": 1}},
    Trouble.SESSION_OVER: {"logged_out": True},
    Trouble.BROKEN: {"status_5xx": True},
}


@contextlib.asynccontextmanager
async def open_mastodon_stand(folder: Path) -> AsyncIterator[MastodonStand]:
    """The local network's process, until the block ends."""
    origin = datetime.now(UTC)
    clock = ScaledClock(1.0, origin, origin.timestamp())
    async with local_network(
        handle=HANDLE, seed=7, speed=1.0, epoch=origin, origin=origin.timestamp(), state_dir=folder
    ) as site:
        network = mastodon_at(site.url, token_of(site.session_b64), clock)
        yield MastodonStand(network, Account(f"mastodon:{HANDLE}", network.name, HANDLE), site, clock)


@contextlib.asynccontextmanager
async def open_x_api_stand(folder: Path) -> AsyncIterator[XApiStand]:
    """The local network's process, and the gate before it, until the block ends."""
    origin = datetime.now(UTC)
    began = origin - timedelta(days=2)  # long enough for somebody to have spoken to the account
    clock = ScaledClock(1.0, origin, origin.timestamp())
    async with (
        local_network(
            handle=HANDLE, seed=7, speed=1.0, epoch=began, origin=began.timestamp(), state_dir=folder
        ) as site,
        gate_before(site.url) as gate,
    ):
        token = token_of(site.session_b64)
        network = x_api_at(gate.url, token, clock)
        account = Account(f"x_api:{HANDLE}", network.name, HANDLE)
        yield XApiStand(network, account, site, clock, gate, token)


@contextlib.asynccontextmanager
async def open_x_web_stand(folder: Path) -> AsyncIterator[XWebStand]:
    """The local network's process and the browser, until the block ends."""
    origin = datetime.now(UTC)
    clock = ScaledClock(1.0, origin, origin.timestamp())
    within = timedelta(seconds=5)
    async with (
        local_network(
            handle=HANDLE,
            seed=7,
            speed=1.0,
            epoch=origin,
            origin=origin.timestamp(),
            state_dir=folder / "network",
        ) as site,
        open_browser_pool(
            BrowserSettings(executable=CHROMIUM, call_timeout=within),
            clock,
            EventStream(clock),
            sessions=GivenSessions({f"x:{HANDLE}": x_session(site.session_b64)}, x_site(site.url)),
            root=folder / "browser",
        ) as pool,
    ):
        network = XWeb(pool, clock, EventStream(clock), base_url=site.url, answer_within=within)
        yield XWebStand(network, Account(f"x:{HANDLE}", network.name, HANDLE), site, clock)
