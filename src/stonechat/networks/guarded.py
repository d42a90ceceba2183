"""A network behind circuit breakers: one for its site and browser, one for publishing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from stonechat.core.errors import PageChanged, StonechatError, Transient
from stonechat.core.model import Account
from stonechat.core.network import (
    NetworkAdapter,
    Posted,
    Profile,
    Publication,
    PublishOutcome,
    Refused,
    Rehearsed,
    TextEntities,
    TextRules,
    Timeline,
    Unconfirmed,
)
from stonechat.core.states import SessionState
from stonechat.resilience import Breaker, BreakerOpen
from stonechat.resilience.circuit_breaker import judge
from stonechat.resilience.host_view import CallResult


@dataclass(frozen=True, slots=True)
class Guards:
    """The breakers before one site: whether it answers at all, and whether posts go out there."""

    site: Breaker
    publishing: Breaker


ASKED_ABOUT = 3
"""Accounts that one probe asks about, which must end within its lease."""


class GuardedNetwork:
    """An adapter together with its network's text rules; passes every call on, counting how it went.

    ``site`` is about whether the site answers at all; ``publishing`` about whether posts go out, and only
    a post that went out counts there as a success. Its probe is the next post that is due, since no other
    call proves that publishing works. What the network says about one account or one text (a session that
    has ended, a text that is too long, a limit) says nothing about either.

    While a breaker is open the call is not made: a read raises ``Transient``, publishing is refused for
    now, and nothing can have happened.

    Args:
        guards: the breakers that stand before an account's calls: the same for all where they share one site.
    """

    def __init__(self, network: NetworkAdapter, text: TextRules, guards: Callable[[Account], Guards]) -> None:
        self._network = network
        self._text = text
        self._guards = guards

    @property
    def name(self) -> str:
        return self._network.name

    @property
    def max_length(self) -> int:
        return self._text.max_length

    def length(self, text: str) -> int:
        return self._text.length(text)

    def entities(self, text: str) -> TextEntities:
        return self._text.entities(text)

    async def publish(
        self, account: Account, publication: Publication, *, before_click: Callable[[], None] | None = None
    ) -> PublishOutcome:
        guards = self._guards(account)
        try:
            async with guards.site.call(judge_site) as site, guards.publishing.call() as publishing:
                outcome = await self._network.publish(account, publication, before_click=before_click)
                if not isinstance(outcome, Posted | Rehearsed):
                    site.says_nothing()
                    if why := trouble_of(outcome):
                        publishing.failed(why)
                    else:
                        publishing.says_nothing()
                return outcome
        except BreakerOpen as shut:
            return Refused(shut.what, retry_after=shut.retry_after)

    async def own_posts(self, account: Account, *, limit: int = 40) -> Timeline:
        async with self._read(account):
            return await self._network.own_posts(account, limit=limit)

    async def own_replies(self, account: Account, *, limit: int = 40) -> Timeline:
        async with self._read(account):
            return await self._network.own_replies(account, limit=limit)

    async def own_thread(self, account: Account, post_id: str, *, author: str = "") -> Timeline:
        async with self._read(account):
            return await self._network.own_thread(account, post_id, author=author)

    async def search(self, account: Account, query: str, *, limit: int = 40) -> Timeline:
        async with self._read(account):
            return await self._network.search(account, query, limit=limit)

    async def mentions(self, account: Account, *, limit: int = 40) -> Timeline:
        async with self._read(account):
            return await self._network.mentions(account, limit=limit)

    async def profile(self, account: Account, handle: str) -> Profile:
        async with self._read(account):
            return await self._network.profile(account, handle)

    async def session(self, account: Account) -> SessionState:
        async with self._read(account):
            return await self._network.session(account)

    @asynccontextmanager
    async def _read(self, account: Account) -> AsyncIterator[None]:
        async with self._guards(account).site.call():
            yield


def judge_site(exc: StonechatError) -> CallResult:
    """For the site's breaker: a button that is gone is a matter of publishing; the site did answer."""
    return CallResult.CANCELLED if isinstance(exc, PageChanged) else judge(exc)


def trouble_of(outcome: PublishOutcome) -> str:
    """Why the outcome counts against publishing; empty where it does not.

    A rate limit, a session's state or a text that is refused for good is the network at work.
    """
    match outcome:
        case Unconfirmed(reason=reason):
            return reason
        case Refused(reason=reason, permanent=False, retry_after=None, session=None):
            return reason
        case _:
            return ""


async def prove_by_session(network: NetworkAdapter, *accounts: Account) -> None:
    """The site's probe: what it says of the session of one of ``accounts`` proves that it answers.

    That an account's session is valid only the site can say. What is said of another may be known without it
    (there may be none), so the next account is asked about then.

    Raises:
        Transient: no answer.
    """
    for account in accounts[:ASKED_ABOUT]:
        state = await network.session(account)
        if state is SessionState.RATE_LIMITED:
            raise Transient(f"{network.name} still limits the rate.")
        if state is SessionState.VALID:
            return
