"""What a network is to Stonechat: one object, in which everything stands that is peculiar to it.

A network is a folder (or a distribution of its own) with such an object, declared as an entry point in the
group ``stonechat.networks``; :mod:`stonechat.networks.registry` finds it. What takes long to import (an SDK,
a browser) is imported in the functions that need it. How to write one: ``docs/howto/network.md``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stonechat.config.networks import NetworkSettings
from stonechat.config.settings import Settings
from stonechat.core.checkup import Check
from stonechat.core.clock import Clock
from stonechat.core.events import EventStream
from stonechat.core.model import Account
from stonechat.core.network import NetworkAdapter, Picture, TextEntities, TextRules

if TYPE_CHECKING:
    from stonechat.browser import BrowserPool
    from stonechat.browser.login_window import Window
    from stonechat.browser.sessions import Session, Site


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a network may use to connect.

    Attributes:
        browser: the pool of pages; None unless the plug-in says that it :attr:`NetworkPlugin.uses_browser`.
    """

    settings: Settings
    clock: Clock
    events: EventStream
    browser: BrowserPool | None


_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)

CheckSelectors = Callable[[Account], Awaitable[tuple[str, ...]]]
"""Looks for everything that is read from the site, and names what has moved; empty where nothing has."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A network that can be used; ``check_selectors`` is run once a day where it is read from pages."""

    network: NetworkAdapter
    check_selectors: CheckSelectors | None = None


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


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """What the network demands of whoever automates an account.

    Attributes:
        unasked_replies: whether a post may be answered whose author did not speak to the account.
        to_observe: what the owner has to see to, a sentence each; ``stonechat doctor`` repeats them.
    """

    unasked_replies: bool = False
    to_observe: tuple[str, ...] = ()


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


async def _nothing_to_check(_settings: Settings, _clock: Clock) -> Sequence[Check]:
    return ()


@dataclass(frozen=True, slots=True)
class NetworkPlugin:
    """A network.

    Attributes:
        settings: its name, its section of the settings, the log-in that it wants.
        connect: makes the adapter; called once in a process, for all accounts on it.
        text: how long a part may be, and what in it becomes live.
        profile_url: where an account can be seen, by the settings and its handle.
        capabilities: what it offers; jobs that need something else pass its accounts over.
        rules: what it demands of an automated account.
        refuse_pictures: why it would not take these pictures on one part; empty where it does.
        uses_browser: whether the browser is needed for its accounts.
        log_in: how its accounts are logged in; None where that is by settings alone.
        examine: its checks in ``stonechat doctor``.
        demo: the settings that turn it to the local network, by that one's address and sessions by handle;
            None where the local network cannot stand for it.
        read_recording: the posts in a recorded answer or saved page, as plain rows.
    """

    settings: NetworkSettings
    connect: Callable[[Surroundings], Connected]
    text: TextRules
    profile_url: Callable[[Settings, str], str]
    capabilities: frozenset[Capability] = frozenset(Capability)
    rules: NetworkRules = NetworkRules()
    refuse_pictures: Callable[[Sequence[Picture]], str] = _any_pictures
    uses_browser: bool = False
    log_in: LogIn | None = None
    examine: Callable[[Settings, Clock], Awaitable[Sequence[Check]]] = _nothing_to_check
    demo: Callable[[str, Mapping[str, str]], Mapping[str, str]] | None = None
    read_recording: Callable[[Path], Iterable[Mapping[str, object]]] | None = None

    @property
    def name(self) -> str:
        """What accounts call it."""
        return self.settings.name

    @property
    def seeks_posts(self) -> bool:
        """Whether posts may be looked for to answer them, though nobody spoke to us."""
        return Capability.SEARCH in self.capabilities and self.rules.unasked_replies
