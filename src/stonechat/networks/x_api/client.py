"""Calls of X's API: each paid for, within X's limits, and its answer read for what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard
from urllib.parse import quote, urlencode

from stonechat.core.clock import Clock
from stonechat.core.errors import Permanent, StonechatError, Transient, Unknown
from stonechat.networks.http_calls import HttpAnswer, HttpCalls, Json, NoAnswer
from stonechat.networks.spending import Settle, Spending
from stonechat.networks.x_api.limits import RateLimits
from stonechat.networks.x_api.prices import ReadToday
from stonechat.networks.x_api.problems import away, explain, problems_in, unknown
from stonechat.networks.x_api.tokens import Tokens

NEWER = {
    "post.fields": "conversation_id,created_at,entities,lang,media_metadata,non_public_metrics,note_post,"
    "possibly_sensitive,public_metrics,text",
    "expansions": "attachments.media_keys,author_id,edit_history_post_ids,in_reply_to_user_id,"
    "referenced_posts",
    "user.fields": "description,name,public_metrics,username",
    "media.fields": "alt_text,media_key,type",
}
OLDER = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,"
    "in_reply_to_user_id,lang,non_public_metrics,note_tweet,possibly_sensitive,public_metrics,"
    "referenced_tweets,text",
    "expansions": "attachments.media_keys,author_id,referenced_tweets.id",
    "user.fields": NEWER["user.fields"],
    "media.fields": NEWER["media.fields"],
}
"""What is asked for of a post, by the names of 2.167 and by those before: X is renaming them, and some of its
servers know only the one or the other."""

ME = "/2/users/me"
SKEW = timedelta(minutes=4)
"""Signed calls are refused where our clock is further off."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call costs: ``most`` before it is known, ``each`` for everything that it reads.

    Attributes:
        what: as the owner reads it.
        by_read: the price is for each thing that is read, and not for the call.
    """

    what: str
    most: float
    each: float = 0.0
    by_read: bool = False


FREE = Charge("", 0.0)


@dataclass
class Client:
    """One account at X.

    Attributes:
        older_names: X does not know the newer names of parameters.
    """

    account_id: str
    server: str
    http: HttpCalls
    tokens: Tokens
    clock: Clock
    spending: Spending
    limits: RateLimits
    read: ReadToday = field(default_factory=ReadToday)
    older_names: bool = False

    @property
    def host(self) -> str:
        """The server's name, as errors say it."""
        return self.server.partition("://")[2]

    async def ask(
        self,
        route: str,
        charge: Charge,
        query: Mapping[str, object] | None = None,
        *,
        posts: bool = False,
        **ids: str,
    ) -> Json:
        """A call that reads.

        Args:
            route: the path, with names in braces for what ``ids`` give.
            posts: it reads posts, with all that we want to know of each.

        Raises:
            SessionTrouble: the account is not let in.
            NotFound: what is asked for is not there.
            Permanent: X refuses it.
            Transient: no answer, or none that can be used, this time.
        """
        own = dict(query or {})
        if not posts:
            return await self._called("GET", route, charge, ids=ids, query=own)
        if not self.older_names:
            try:
                return await self._called("GET", route, charge, ids=ids, query=NEWER | own)
            except Permanent as exc:
                if "post.fields" not in exc.what:
                    raise
            self.older_names = True  # it does not know the newer names
        return await self._called("GET", route, charge, ids=ids, query=OLDER | own)

    async def change(
        self, method: str, route: str, charge: Charge, *, ids: Mapping[str, str] | None = None, **request: Any
    ) -> Json:
        """A call that changes what nobody sees yet (an upload). Raises as :meth:`ask`."""
        return await self._called(method, route, charge, ids=ids or {}, **request)

    async def act(
        self,
        method: str,
        route: str,
        charge: Charge,
        before: Callable[[], None] | None,
        *,
        ids: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Json:
        """A call that others see the effect of; ``before`` is called just before it is sent.

        Raises:
            Unknown: it may have happened.
            SessionTrouble, Permanent, Transient: it has not.
        """
        return await self._called(
            method, route, charge, ids=ids or {}, before=before, is_effect=True, **request
        )

    # ---------------------------------------------------------------- inside

    async def _called(
        self,
        method: str,
        route: str,
        charge: Charge,
        *,
        ids: Mapping[str, str],
        query: Mapping[str, object] | None = None,
        before: Callable[[], None] | None = None,
        is_effect: bool = False,
        **request: Any,
    ) -> Json:
        path = route.format_map({name: quote(one, safe="") for name, one in ids.items()})
        path += _query(query or {})
        self.limits.check(f"{method} {route}", self.host)
        header = await self.tokens.header(method, path)
        settle = await self._reserved(charge)
        answer: HttpAnswer | NoAnswer | None = None
        paid = charge.most
        try:
            answer = await self._sent(method, path, header, before, request)
            if _turned_away(answer) and await self.tokens.after_401(header):
                header = await self.tokens.header(method, path)
                answer = await self._sent(method, path, header, before, request)
            if _turned_away(answer):
                await self._confirm(answer)
            body = self._read(answer, f"{method} {route}", is_effect=is_effect)
            paid = self._price(charge, body)
            return body
        except StonechatError as exc:
            paid = charge.most if _may_be_billed(answer, exc) else 0.0
            raise
        finally:
            await _settle(settle, paid)

    async def _reserved(self, charge: Charge) -> Settle | None:
        if not charge.most:
            return None
        return await self.spending.reserve_price(self.account_id, charge.what, charge.most)

    async def _confirm(self, answer: HttpAnswer) -> None:
        """A token that is turned away once is not revoked yet: ask whose it is.

        Raises:
            Transient: it is accepted, or X cannot say.
        """
        if skew := self._skew(answer):
            raise Transient(
                f"{self.host} refuses signed calls: this machine's clock is off by {skew}.",
                meaning="Nothing is read or published until it is right; nothing is lost.",
                remedy="Set the clock (timedatectl set-ntp true).",
            )
        again = await self._sent("GET", ME, await self.tokens.header("GET", ME), None, {})
        if not _turned_away(again):
            raise away(self.host, "turned a call away although it accepts the account's token (HTTP 401)")

    def _skew(self, answer: HttpAnswer) -> str:
        """How far our clock is off by the answer's own; empty where that is no matter."""
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return ""
        off = abs(self.clock.wall() - theirs)
        return f"{off.total_seconds() / 60:.0f} minutes" if off > SKEW and self.tokens.signs else ""

    async def _sent(
        self,
        method: str,
        path: str,
        header: str,
        before: Callable[[], None] | None,
        request: Mapping[str, Any],
    ) -> HttpAnswer | NoAnswer:
        headers = {**request.get("headers", {}), "Authorization": header}
        return await self.http.send(method, path, before=before, **{**request, "headers": headers})

    def _read(self, answer: HttpAnswer | NoAnswer, route: str, *, is_effect: bool) -> Json:
        """The body of an answer that is one, or what it means that it is none."""
        if isinstance(answer, NoAnswer):
            if is_effect and answer.sent:
                raise unknown(f"{self.host} {answer.why}.")
            raise away(self.host, answer.why)
        wait = self.limits.hear(route, answer.headers)
        body = answer.json_object()
        if 200 <= answer.status < 300:
            if body is not None and ("data" in body or ("meta" in body and not is_effect)):
                return body
            if answer.status == 204 or (body is None and not answer.body and not is_effect):
                return {}
        raise explain(answer, problems_in(body), host=self.host, wait=wait, is_effect=is_effect)

    def _price(self, charge: Charge, body: Json) -> float:
        if not charge.by_read:
            return charge.most
        data = body.get("data")
        things = data if isinstance(data, list) else [data]
        ids = [f"{charge.what}/{one['id']}" for one in things if isinstance(one, Mapping) and "id" in one]
        return self.read.new(ids, self.clock.wall()) * charge.each


def _query(query: Mapping[str, object]) -> str:
    given = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"?{urlencode(given, safe=',')}" if given else ""


def _turned_away(answer: HttpAnswer | NoAnswer | None) -> TypeGuard[HttpAnswer]:
    return isinstance(answer, HttpAnswer) and answer.status == 401


def _may_be_billed(answer: HttpAnswer | NoAnswer | None, exc: StonechatError) -> bool:
    """Whether X may have served the call all the same; what it refuses is not charged."""
    return isinstance(exc, Unknown) or (isinstance(answer, NoAnswer) and answer.sent)


async def _settle(settle: Settle | None, paid: float) -> None:
    if settle is not None:
        with suppress(
            Transient
        ):  # the database is away: what was reserved counts in full, which is not too little
            await settle(paid)
