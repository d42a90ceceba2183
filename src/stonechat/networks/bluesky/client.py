"""Calls of a personal data server (XRPC over HTTP), and what its answers mean for account and post."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from stonechat import __version__
from stonechat.core.clock import Clock
from stonechat.core.errors import NotFound, Permanent, SessionTrouble, StonechatError, Transient, Unknown
from stonechat.core.safe_json import UnsafeJson, safe_json
from stonechat.core.states import SessionState
from stonechat.networks.bounded_call import call

Json = dict[str, Any]

USUAL_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(days=1)
WHOLE_CALL = 3
"""Times the time-out of a piece: for a whole call, with a picture on a slow line."""

_SECONDS = re.compile(r"[0-9]{1,12}")
"""For a server that limits and does not say until when."""

RECONNECT = "Connect it anew: stonechat connect bluesky."

_NOT_TAKEN = frozenset({400, 401, 403, 404, 413, 422, 429})
"""HTTP answers after which nothing can have come of a call."""

_GONE = frozenset({"RecordNotFound", "RepoNotFound", "NotFound", "ActorNotFound", "ProfileNotFound"})
_OVER = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})
_BARRED = frozenset({"AccountTakedown", "RepoTakendown", "AccountSuspended", "RepoSuspended"})
_NOBODY = ("profile not found", "could not locate record", "unable to resolve handle", "could not find repo")
"""Words that servers have for what is not there, where they have no code for it."""


@dataclass(slots=True)
class Tokens:
    """A session: whose it is, and what it is proven with.

    ``refresh`` serves once: the next one comes with its answer.
    """

    did: str
    handle: str
    access: str
    refresh: str


class Client:
    """One account at its server. The session is kept and renewed; a new one is asked for when that is over.

    Args:
        server: its address, without a slash at the end.
        kept: a session from before, where one was kept.
        keep: told of each new session, before it is used.
        timeout: real time to wait for each answer.
    """

    def __init__(
        self,
        server: str,
        identifier: str,
        password: str,
        clock: Clock,
        *,
        kept: Tokens | None,
        keep: Callable[[Tokens], Awaitable[None]],
        timeout: timedelta,
    ) -> None:
        self.server = server
        self._identifier = identifier
        self._password = password
        self._clock = clock
        self._tokens = kept
        self._keep = keep
        self._limit = timeout * WHOLE_CALL
        self._turn = asyncio.Lock()
        self._http = httpx.AsyncClient(
            base_url=f"{server}/xrpc/",
            timeout=timeout.total_seconds(),
            headers={"User-Agent": f"stonechat/{__version__}", "Accept-Encoding": "identity"},
        )

    async def session(self) -> Tokens:
        """Whose session it is; one is begun where there is none.

        Raises:
            SessionTrouble, Transient: see :meth:`ask`.
        """
        async with self._turn:
            if self._tokens is None:
                await self._begin()
            assert self._tokens is not None  # noqa: S101 - it was begun
            return self._tokens

    async def ask(self, name: str, **query: Any) -> Json:
        """A query.

        Raises:
            SessionTrouble: the account is not let in.
            NotFound: what is asked for is not there.
            Permanent: the server refuses it.
            Transient: no answer, or none that can be used, this time.
        """
        params = {one: value for one, value in query.items() if value is not None}
        return await self._called("GET", name, is_effect=False, params=params)

    async def upload(self, body: bytes, mime: str) -> Json:
        """Upload a file; nobody sees it until a record names it. Raises as :meth:`ask`."""
        headers = {"Content-Type": mime}
        return await self._called(
            "POST", "com.atproto.repo.uploadBlob", is_effect=False, content=body, headers=headers
        )

    async def act(self, name: str, body: Mapping[str, Any], before: Callable[[], None] | None) -> Json:
        """A call that others see the effect of; ``before`` is called just before it is sent.

        Raises:
            Unknown: it may have happened.
            SessionTrouble, Permanent, Transient: it has not.
        """
        await self.session()
        return await self._called("POST", name, is_effect=True, before=before, json=dict(body))

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    # ---------------------------------------------------------------- inside

    async def _called(
        self,
        method: str,
        name: str,
        *,
        is_effect: bool,
        before: Callable[[], None] | None = None,
        **request: Any,
    ) -> Json:
        """The answer; with a session that is over, once more with a new one."""
        own = await self.session()
        answer = await self._sent(method, name, own.access, is_effect=is_effect, before=before, **request)
        if self._is_over(answer):
            own = await self._renewed(own)
            answer = await self._sent(method, name, own.access, is_effect=is_effect, before=before, **request)
        return self._read(answer, is_effect=is_effect)

    async def _sent(
        self,
        method: str,
        name: str,
        token: str,
        *,
        is_effect: bool,
        before: Callable[[], None] | None = None,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        if before is not None:
            before()
        try:
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            given = {**(headers or {}), **bearer}
            return await call(self._http, method, name, limit=self._limit, headers=given, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise self._away("cannot be reached") from exc
        except httpx.HTTPError as exc:
            late = isinstance(exc, httpx.TimeoutException)
            what = "does not answer in time" if late else "breaks off in the middle of its answer"
            raise (self._unknown(what) if is_effect else self._away(what)) from exc

    async def _begin(self) -> None:
        """A new session, by the app password."""
        body = {"identifier": self._identifier, "password": self._password}
        answer = await self._sent("POST", "com.atproto.server.createSession", "", is_effect=False, json=body)
        if answer.status_code == 401 and _code(answer) not in _BARRED:
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"{self._host} does not accept the app password of @{self._identifier}.",
                meaning="Nothing is read or published in its name.",
                remedy=RECONNECT,
            )
        await self._take(self._read(answer, is_effect=False))

    async def _renewed(self, old: Tokens) -> Tokens:
        """The session after ``old``: renewed by its own token, else begun anew."""
        async with self._turn:
            if self._tokens is not None and self._tokens.access != old.access:
                return self._tokens  # another call has done it
            name = "com.atproto.server.refreshSession"
            answer = await self._sent("POST", name, old.refresh, is_effect=False)
            if answer.status_code in (400, 401) and _code(answer) not in _BARRED:
                await self._begin()
            else:
                await self._take(self._read(answer, is_effect=False))
            assert self._tokens is not None  # noqa: S101 - it was taken
            return self._tokens

    async def _take(self, said: Json) -> None:
        if said.get("active") is False:
            raise self._barred(str(said.get("status") or "not active"))
        tokens = Tokens(
            str(said["did"]), str(said["handle"]), str(said["accessJwt"]), str(said["refreshJwt"])
        )
        await self._keep(tokens)
        self._tokens = tokens

    @property
    def _host(self) -> str:
        return self.server.partition("://")[2]

    def _is_over(self, answer: httpx.Response) -> bool:
        return answer.status_code in (400, 401) and _code(answer) in _OVER

    def _read(self, answer: httpx.Response, *, is_effect: bool) -> Json:
        """The JSON in an answer, or what it means that there is none."""
        if answer.is_success:
            body = _json(answer)
            if body is not None:
                return body
            what = "answers with something that is not its API (a page of a proxy or of maintenance)"
            raise self._unknown(what) if is_effect else self._away(what)
        raise self._fault(answer, is_effect=is_effect)

    def _fault(self, answer: httpx.Response, *, is_effect: bool) -> StonechatError:
        status, code, said = answer.status_code, _code(answer), _said(answer)
        if status == 429:
            return self._limited(answer)
        if code in _BARRED:
            return self._barred(said or code)
        if code in _OVER:
            return SessionTrouble(
                SessionState.EXPIRED,
                f"{self._host} does not accept the account's session ({said or code}).",
                meaning="Nothing is read or published in its name.",
                remedy=RECONNECT,
            )
        if code in _GONE or (code == "InvalidRequest" and said.casefold().startswith(_NOBODY)):
            return NotFound(f"{self._host} does not have it: {said or code}.")
        if answer.has_redirect_location:
            where = answer.headers["Location"].partition("?")[0]
            return self._away(f"has moved: it answers from {where} now")
        if code and status in _NOT_TAKEN:
            return Permanent(f"{self._host} refuses it: {said or code}.")
        what = f"answers with an error (HTTP {status})"
        return self._unknown(what) if is_effect and status not in _NOT_TAKEN else self._away(what)

    def _limited(self, answer: httpx.Response) -> Transient:
        reset = answer.headers.get("ratelimit-reset", "")
        left = float(reset) - self._clock.wall().timestamp() if _SECONDS.fullmatch(reset) else None
        return Transient(
            f"{self._host} has had enough of this account's calls for now (HTTP 429).",
            meaning="It waits as long as the server asks for.",
            remedy="Nothing to do; fewer posts a day if it comes often.",
            retry_after=USUAL_WAIT if left is None else min(LONGEST_WAIT, timedelta(seconds=max(1.0, left))),
        )

    def _barred(self, said: str) -> SessionTrouble:
        return SessionTrouble(
            SessionState.SUSPENDED,
            f"{self._host} does not let the account in: {said}.",
            meaning="Nothing is read or published in its name.",
            remedy="Log in by hand and see what it asks for.",
        )

    def _away(self, what: str) -> Transient:
        return Transient(
            f"{self._host} {what}.",
            meaning="Its accounts wait; others go on.",
            remedy="Nothing to do if it is back soon.",
        )

    def _unknown(self, what: str) -> Unknown:
        return Unknown(
            f"{self._host} {what}.",
            meaning="The post may be live.",
            remedy="Nothing to do: it is looked for there.",
        )


def _json(answer: httpx.Response) -> Json | None:
    try:
        body = safe_json(answer.content) if answer.content else {}
    except UnsafeJson:
        return None
    return body if isinstance(body, dict) else None


def _code(answer: httpx.Response) -> str:
    """The protocol's own name of an error; empty where the answer is none of the protocol's."""
    return str((_json(answer) or {}).get("error") or "")


def _said(answer: httpx.Response) -> str:
    return str((_json(answer) or {}).get("message") or "").strip().rstrip(".")[:300]
