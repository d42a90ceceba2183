"""What a network is to Stonechat: one object, in which everything stands that is peculiar to it.

A network is a folder (or a distribution of its own) with such an object, declared as an entry point in the
group ``stonechat.networks``; :mod:`stonechat.networks.registry` finds it. What takes long to import (an SDK,
a browser) is imported in the functions that need it. How to write one: ``docs/howto/network.md``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stonechat.config.networks import NetworkSettings
from stonechat.config.settings import Settings
from stonechat.core.checkup import Check
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.model import Account, Content, Metrics
from stonechat.core.network import NetworkAdapter, Picture, PictureLimits, TextEntities, TextRules
from stonechat.networks.credentials import Credentials, GivenCredentials, Values
from stonechat.networks.spending import FreeSpending, Spending

if TYPE_CHECKING:
    from stonechat.browser import BrowserPool
    from stonechat.browser.login_window import Window
    from stonechat.browser.sessions import Session, Site


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a network may use to connect.

    Attributes:
        browser: the pool of pages; None unless the plug-in says that it :attr:`NetworkPlugin.uses_browser`.
        credentials: what the owner has given for accounts that log in by a token or a password of their own.
        spending: where the price of each call is reserved, on networks that charge for calls.
    """

    settings: Settings
    clock: Clock
    events: EventStream
    browser: BrowserPool | None = None
    credentials: Credentials = field(default_factory=GivenCredentials)
    spending: Spending = field(default_factory=FreeSpending)


_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)

CheckSelectors = Callable[[Account], Awaitable[tuple[str, ...]]]
"""Looks for everything that is read from the site, and names what has moved; empty where nothing has."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A network that can be used.

    Attributes:
        check_selectors: is run once a day where it is read from pages.
        text_of: how the account's own server measures a text, where servers differ; never longer texts than
            the plug-in's text rules allow, which hold for all.
    """

    network: NetworkAdapter
    check_selectors: CheckSelectors | None = None
    text_of: Callable[[Account], Awaitable[TextRules]] | None = None


@dataclass(frozen=True, slots=True)
class PlainTextRules:
    """For a network that counts characters and makes links of addresses with a scheme only."""

    max_length: int

    def length(self, text: str) -> int:
        """How many characters it has."""
        return len(text)

    def entities(self, text: str) -> TextEntities:
        """Its addresses that begin with ``http://`` or ``https://``."""
        return TextEntities(links=tuple(_ADDRESS.findall(text)))


class Capability(StrEnum):
    """What a network offers beside publishing and reading an account's own posts."""

    SEARCH = "search"
    MENTIONS = "mentions"
    QUOTES = "quotes"


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What the network demands of whoever automates an account.

    Attributes:
        official: the network itself offers this way in to programs; where not, the account may be lost by it.
        unasked_replies: whether a post may be answered whose author did not speak to the account.
        to_observe: what the owner has to see to, a sentence each; ``stonechat doctor`` repeats them.
    """

    official: bool = True
    unasked_replies: bool = False
    to_observe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PostPrice:
    """What the network takes for a piece of content, in US dollars; ``why`` it is dear, if it is."""

    usd: float
    why: str = ""

    def __str__(self) -> str:
        """As the owner reads it; empty where it costs nothing."""
        shown = f"${self.usd:.3f}".removesuffix("0")
        return f"{shown} {self.why}".strip() if self.usd else ""


def _costs_nothing(_parts: Sequence[str], _pictures: int, _is_reply: bool) -> PostPrice:
    return PostPrice(0.0)


class LogInByHand(Protocol):
    """Shows the site's own log-in page in ``window`` and waits until its owner has logged ``handle`` in."""

    async def __call__(
        self, window: Window, clock: Clock, site: str, handle: str, *, patience: timedelta
    ) -> Session:
        """The session that the window holds then.

        Raises:
            Permanent, SessionTrouble, Transient: nobody, or somebody else, logged in; or it cannot be asked.
        """


@dataclass(frozen=True, slots=True)
class LogIn:
    """How an account is logged in at a network that knows its users by cookies.

    Attributes:
        site: what its sessions are for, by the settings.
        by_hand: lets the owner log in.
        check: asks the network whose session this is; returns it with what the site renewed meanwhile.
    """

    site: Callable[[Settings], Site]
    by_hand: LogInByHand
    check: Callable[[Window, str, str, Session], Awaitable[Session]]


def _any_pictures(_pictures: Sequence[Picture]) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that the owner is asked for when an account is connected.

    Attributes:
        name: what it is called among the account's credentials.
        question: what the owner reads.
    """

    name: str
    question: str


@dataclass(frozen=True, slots=True)
class Connecting:
    """How an account is connected whose network lets programs in by credentials of their own.

    What the owner gives is tried by the network's own checks before it is kept.

    Attributes:
        steps: what to do first, and where, by the settings and the account's handle; a sentence each.
        asks: what is asked for then.
        finish: makes of what was given what is kept, where the owner has to allow that on a page of the
            network; it says what to do there.
        others: further ways, by the names that the owner chooses them by.
    """

    steps: Callable[[Settings, str], Sequence[str]]
    asks: tuple[Asked, ...]
    finish: Callable[[Surroundings, Values, Callable[[str], None]], Awaitable[Values]] | None = None
    others: Mapping[str, Connecting] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalSite:
    """The local network, as far as settings have to know it.

    Attributes:
        sessions: cookies of a logged-in browser, by handle.
        tokens: what lets a program in, by handle.
    """

    url: str
    sessions: Mapping[str, str]
    tokens: Mapping[str, str]

    def of(self, handle: str) -> LocalSite:
        """As one account sees it."""
        return LocalSite(self.url, {handle: self.sessions[handle]}, {handle: self.tokens[handle]})


async def _nothing_to_check(_surroundings: Surroundings) -> Sequence[Check]:
    return ()


@dataclass(frozen=True, slots=True)
class NetworkPlugin:
    """A network.

    Attributes:
        settings: its name, its section of the settings, the log-in that it wants.
        connect: makes the adapter; called once in a process, for all accounts on it.
        text: how long a part may be, and what in it becomes live.
        profile_url: where an account can be seen, by the settings and its handle.
        title: what people call it; its name where empty.
        capabilities: what it offers; jobs that need something else pass its accounts over.
        metrics: what it shows of a post, by the names in :class:`stonechat.core.model.Metrics`.
        rules: what it demands of an automated account.
        pictures: the limits that each picture is made to fit when it is attached.
        price: what it takes for a piece of content: its parts, its number of pictures, whether it is a reply.
        refuse_pictures: why it would not take these pictures on one part; empty where it does.
        uses_browser: whether the browser is needed for its accounts.
        many_servers: its accounts are on servers of their own, so that one that is down says nothing about
            the others: each account has its own breakers.
        log_in: how its accounts are logged in by a browser; None where they are not.
        connecting: how its accounts are given credentials; None where they need none beside the settings.
        examine: its checks in ``stonechat doctor``.
        demo: the settings that turn it to the local network; None where that cannot stand for it.
        read_recording: the posts in a recorded answer or saved page, as plain rows.
        own_posts_query: the search for what a handle posted between two moments, in the network's own syntax;
            None where its search cannot tell.
        conversation_query: the search for all posts of a conversation, by its id; None where there is none.
    """

    settings: NetworkSettings
    connect: Callable[[Surroundings], Connected]
    text: TextRules
    profile_url: Callable[[Settings, str], str]
    title: str = ""
    capabilities: frozenset[Capability] = frozenset(Capability)
    metrics: frozenset[str] = frozenset(one.name for one in fields(Metrics))
    rules: NetworkRules = NetworkRules()
    pictures: PictureLimits = field(default_factory=PictureLimits)
    refuse_pictures: Callable[[Sequence[Picture]], str] = _any_pictures
    price: Callable[[Sequence[str], int, bool], PostPrice] = _costs_nothing
    uses_browser: bool = False
    many_servers: bool = False
    log_in: LogIn | None = None
    connecting: Connecting | None = None
    examine: Callable[[Surroundings], Awaitable[Sequence[Check]]] = _nothing_to_check
    demo: Callable[[LocalSite], Mapping[str, str]] | None = None
    read_recording: Callable[[Path], Iterable[Mapping[str, object]]] | None = None
    own_posts_query: Callable[[str, datetime, datetime], str] | None = None
    conversation_query: Callable[[str], str] | None = None

    @property
    def name(self) -> str:
        """What accounts call it."""
        return self.settings.name

    def price_of(self, piece: Content, pictures: int) -> str:
        """What it takes for a piece of content, as the owner reads it; empty where it takes nothing."""
        return str(self.price(piece.parts, pictures, piece.in_reply_to is not None))

    @property
    def seeks_posts(self) -> bool:
        """Whether posts may be looked for to answer them, though nobody spoke to us."""
        return Capability.SEARCH in self.capabilities and self.rules.unasked_replies
