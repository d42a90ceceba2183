"""What lets an account in: the tokens of the developer console, or a grant by OAuth 2.0 that is renewed.

The console's tokens (OAuth 1.0a) hold until their owner takes them back; every call is signed with them.

A grant's access token holds two hours, and its refresh token serves once: the answer to its use brings the
next pair, and whoever loses that answer has lost the way in. So a grant is renewed when half of its time is
over, by one call at a time; the new pair is on the disk before anything else is done, and in use only then.
A process that dies before the answer has arrived leaves the old access token, which still holds an hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from oauthlib.oauth1 import Client as Signer

from stonechat.core.clock import Clock
from stonechat.core.errors import SessionTrouble, Transient
from stonechat.core.states import SessionState
from stonechat.networks.credentials import Credentials, Values
from stonechat.networks.http_calls import HttpAnswer, HttpCalls, Json, NoAnswer
from stonechat.networks.x_api.problems import RECONNECT, away, limited, problems_in

CONSOLE = ("api_key", "api_key_secret", "access_token", "access_token_secret")
"""The console's tokens, by the names that they have there."""

CLIENT_ID, CLIENT_SECRET = "client_id", "client_secret"
ACCESS, REFRESH, ISSUED, LIFETIME = "grant_access", "grant_refresh", "grant_issued", "grant_lifetime"
TOKEN_PATH = "/2/oauth2/token"  # noqa: S105 - an address

LOOKS = 3
"""How often the store is asked for what another process has renewed, a second apart, before a refused refresh
token is believed to be dead."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant; ``issued`` in Unix seconds, ``lifetime`` of its access token in seconds."""

    client_id: str
    client_secret: str = field(repr=False)
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    issued: float
    lifetime: float

    def holds(self, now: float) -> bool:
        """Whether its access token is still accepted, by our clock."""
        return now < self.issued + self.lifetime

    def is_due(self, now: float) -> bool:
        """Whether half of its time is over."""
        return now >= self.issued + self.lifetime / 2

    def as_values(self) -> dict[str, str]:
        """As the credential store keeps it."""
        return {
            CLIENT_ID: self.client_id,
            CLIENT_SECRET: self.client_secret,
            ACCESS: self.access,
            REFRESH: self.refresh,
            ISSUED: str(self.issued),
            LIFETIME: str(self.lifetime),
        }


def grant_of(values: Values) -> Grant | None:
    """The grant among an account's credentials."""
    if not values.get(CLIENT_ID) or not values.get(REFRESH):
        return None
    return Grant(
        values[CLIENT_ID],
        values.get(CLIENT_SECRET, ""),
        values.get(ACCESS, ""),
        values[REFRESH],
        float(values.get(ISSUED) or 0),
        float(values.get(LIFETIME) or 0),
    )


def grant_from(answer: Json, client_id: str, client_secret: str, *, refresh: str, issued: float) -> Grant:
    """The grant that the token address answered; its refresh token stays where it names no new one."""
    lifetime = answer.get("expires_in")
    return Grant(
        client_id,
        client_secret,
        str(answer["access_token"]),
        str(answer.get("refresh_token") or refresh),
        issued,
        float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else 7200.0,
    )


def token_request(client_id: str, client_secret: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """The body of a call of the token address; a client with a secret proves itself by it."""
    form = dict(fields) if client_secret else {**fields, "client_id": client_id}
    request: dict[str, Any] = {
        "content": urlencode(form),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }
    return request | ({"auth": (client_id, client_secret)} if client_secret else {})


class Tokens:
    """The ``Authorization`` of one account's calls.

    Args:
        given: what the settings hold, where nothing is saved.
    """

    def __init__(
        self,
        account_id: str,
        handle: str,
        credentials: Credentials,
        given: Values,
        http: HttpCalls,
        clock: Clock,
        server: str,
    ) -> None:
        self._account_id = account_id
        self._handle = handle
        self._credentials = credentials
        self._given = given
        self._http = http
        self._clock = clock
        self._server = server
        self._turn = asyncio.Lock()
        self.signs = False
        """Whether calls are signed, with the time in them."""
        self._refused = ""
        """The refresh token that X does not take, so that it is not asked about before every call."""
        self._why = ""

    async def header(self, method: str, path: str) -> str:
        """For this call; a grant that is due is renewed first.

        Raises:
            SessionTrouble: there is nothing to show, or X does not renew it any more.
            Transient: it cannot be renewed now, and the old token holds no longer.
        """
        values = await self._values()
        self.signs = all(map(values.get, CONSOLE))
        if self.signs:
            return self._signed(values, method, path)
        grant = grant_of(values)
        if grant is None:
            raise SessionTrouble(
                SessionState.EXPIRED,
                f"No tokens are saved for @{self._handle}.",
                meaning="Nothing is read or published in its name.",
                remedy="Connect it: stonechat connect x_api.",
            )
        if grant.is_due(self._now()) and grant.refresh != self._refused:
            grant = await self._renewed(grant)
        if grant.refresh == self._refused and not grant.holds(self._now()):
            raise self._revoked()
        return f"Bearer {grant.access}"

    async def after_401(self, header: str) -> bool:
        """X did not take ``header``: whether there is another now."""
        grant = grant_of(await self._values(newest=True))
        if grant is None or not header.startswith("Bearer "):
            return False
        if header != f"Bearer {grant.access}":
            return True
        if grant.refresh == self._refused:
            raise self._revoked()
        after = await self._renewed(grant, needed=True)
        return after.access != grant.access

    # ---------------------------------------------------------------- inside

    async def _values(self, *, newest: bool = False) -> Values:
        return await self._credentials.load(self._account_id, newest=newest) or self._given

    async def _renewed(self, old: Grant, *, needed: bool = False) -> Grant:
        """The grant after ``old``; ``old`` itself where that still does, and X cannot be asked.

        Args:
            needed: X has just refused the access token of ``old``.
        """
        async with self._turn:
            now = grant_of(await self._values(newest=True)) or old
            if now.refresh != old.refresh:
                return now  # another call, or another process, has done it
            try:
                return await self._renew(now)
            except Transient:
                if needed or not now.holds(self._now()):
                    raise
                return now

    async def _renew(self, old: Grant) -> Grant:
        fields = {"grant_type": "refresh_token", "refresh_token": old.refresh}
        issued = self._now()
        answer = await self._http.send(
            "POST", TOKEN_PATH, **token_request(old.client_id, old.client_secret, fields)
        )
        body = answer.json_object() if isinstance(answer, HttpAnswer) and answer.status == 200 else None
        if body is not None and body.get("access_token"):
            new = grant_from(body, old.client_id, old.client_secret, refresh=old.refresh, issued=issued)
            await self._credentials.renew(
                self._account_id, new.as_values()
            )  # on the disk before its first wait
            return new
        if isinstance(answer, NoAnswer):
            raise away(self._host, answer.why)
        if answer.status == 429:
            raise limited(self._host, None)
        if answer.status not in (400, 401, 403) or answer.json_object() is None:
            raise away(self._host, f"does not renew the grant (HTTP {answer.status})")
        return await self._after_refusal(
            old, "; ".join(one.said for one in problems_in(answer.json_object()))
        )

    async def _after_refusal(self, old: Grant, said: str) -> Grant:
        """Another process may have used the token just before, and be about to say so."""
        for _ in range(LOOKS):
            now = grant_of(await self._values(newest=True)) or old
            if now.refresh != old.refresh:
                return now
            await self._clock.sleep_real(timedelta(seconds=1))
        self._refused, self._why = old.refresh, said
        if old.holds(self._now()):
            return old
        raise self._revoked()

    def _revoked(self) -> SessionTrouble:
        return SessionTrouble(
            SessionState.EXPIRED,
            f"{self._host} does not renew the grant of @{self._handle} any more ({self._why or 'refused'}).",
            meaning="Nothing is read or published in its name.",
            remedy=RECONNECT,
        )

    def _signed(self, values: Values, method: str, path: str) -> str:
        """By OAuth 1.0a. Bodies are JSON or pieces of files, which are not part of what is signed."""
        signer = Signer(
            values["api_key"],
            client_secret=values["api_key_secret"],
            resource_owner_key=values["access_token"],
            resource_owner_secret=values["access_token_secret"],
            timestamp=str(int(self._now())),
        )
        verb: Any = method  # its type lists the few that HTTP has
        _, headers, _ = signer.sign(f"{self._server}{path}", http_method=verb)
        return str(headers["Authorization"])

    def _now(self) -> float:
        return self._clock.wall().timestamp()

    @property
    def _host(self) -> str:
        return self._server.partition("://")[2]
