"""What stands before X's API: whose token a call carries, the token address, and how X refuses.

The access tokens are those of Mastodon's API here: the ``auth_token`` cookies. They come as a bearer, as the
token of a signed call, or from a grant of the token address, whose refresh tokens serve once.
"""

from __future__ import annotations

import re
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlencode

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.allowance import Allowance
from stonechat_aviary.door import Door
from stonechat_aviary.faults import cut, disturb
from stonechat_aviary.levers import Levers, take
from stonechat_aviary.xapiwire import Json, XApiWire, problem

LIFETIME = 7200
_SIGNED = re.compile(r'oauth_token="([^"]+)"')


@dataclass
class _Grants:
    """What the token address has given: access tokens with their end, and refresh tokens that serve once."""

    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    access: dict[str, tuple[str, float]] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)

    def issue(self, handle: str, lifetime: float) -> Json:
        """A new pair for ``handle``."""
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.access[access] = (handle, time.time() + lifetime)
        self.refresh[refresh] = handle
        return {
            "token_type": "bearer",
            "expires_in": int(lifetime),
            "access_token": access,
            "refresh_token": refresh,
            "scope": "tweet.read tweet.write users.read media.write offline.access",
        }


class XApiDoor:
    """Lets calls in, and gives tokens."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.world = door.world
        self._allowance = Allowance()
        self._grants = _Grants()

    def routes(self) -> list[web.RouteDef]:
        """Where tokens are given."""
        return [
            web.get("/i/oauth2/authorize", self.authorize),
            web.post("/2/oauth2/token", self.token),
        ]

    # ---------------------------------------------------------------- the door

    async def admit(self, request: web.Request, operation: str) -> OwnAccount | web.Response:
        """Whose token the call carries, or the answer that turns it away."""
        self.door.requests[f"x_api/{operation}"] += 1
        account = self._account(request)
        levers = self.door.panel.of(account.handle if account else None)
        if take(levers, "html"):
            return web.Response(text="<!DOCTYPE html><h1>Back soon</h1>", content_type="text/html")
        disturbed = await disturb(levers, self.world.seed, self.door.requests.total())
        if disturbed is not None:
            return too_many(levers) if disturbed.status == 429 else disturbed
        if account is None or levers.logged_out or (operation != "me" and take(levers, "blips_401")):
            return unauthorized()
        if levers.suspended:
            return refused(403, "Your account is suspended and is not permitted to access this feature.")
        if levers.locked or levers.challenged:
            return refused(403, "Your account has been locked. Please log in to https://x.com to unlock it.")
        allowed, headers = self._allowance.use(account.handle, f"x_api/{operation}", levers.rate_limits)
        request["limits"] = headers
        return account if allowed else too_many(levers, headers)

    def _account(self, request: web.Request) -> OwnAccount | None:
        header = request.headers.get("Authorization", "")
        signed = _SIGNED.search(header) if header.startswith("OAuth ") else None
        token = signed[1] if signed else header.removeprefix("Bearer ")
        handle, ends = self._grants.access.get(token, ("", 0.0))
        if handle and time.time() < ends:
            return self.world.accounts.get(handle.lower())
        return self.door.sessions.account(token)

    def wire(self, account: OwnAccount) -> XApiWire:
        older = self.door.panel.of(account.handle).older_names
        return XApiWire(self.world, self.world.now(), account.handle.lower(), older)

    def told(self, request: web.Request, body: Json, status: int = 200) -> web.Response:
        return web.json_response(body, status=status, headers=request.get("limits"))

    # ---------------------------------------------------------------- tokens

    async def authorize(self, request: web.Request) -> web.Response:
        """The owner allows it at once: nobody looks at this page here."""
        asked = request.query
        account = self.world.accounts.get(asked.get("as", "").lower()) or next(
            iter(self.world.accounts.values())
        )
        code = secrets.token_urlsafe(16)
        self._grants.codes[code] = (account.handle, asked.get("code_challenge", ""))
        back = urlencode({"state": asked.get("state", ""), "code": code})
        raise web.HTTPFound(f"{asked.get('redirect_uri', '')}?{back}")

    async def token(self, request: web.Request) -> web.Response:
        """A code or a refresh token becomes a pair; either serves once."""
        self.door.requests["x_api/token"] += 1
        form, levers = await request.post(), self.door.panel.of(None)
        disturbed = await disturb(levers, self.world.seed, self.door.requests.total())
        if disturbed is not None:
            return disturbed
        if form.get("grant_type") == "authorization_code":
            handle, challenge = self._grants.codes.pop(str(form.get("code")), ("", ""))
            proof = urlsafe_b64encode(sha256(str(form.get("code_verifier")).encode()).digest())
            if not handle or proof.rstrip(b"=").decode() != challenge:
                return no_grant()
        else:
            handle = self._grants.refresh.pop(str(form.get("refresh_token")), "")
            if not handle or levers.logged_out:
                return no_grant()
        pair = self._grants.issue(handle, levers.token_lifetime or LIFETIME)
        return cut(request) if take(levers, "lose_token") else web.json_response(pair)


def not_found(parameter: str, value: str, what: str) -> Json:
    """There is no such thing: a problem that comes with HTTP 200."""
    said = f"Could not find {what} with {parameter}: [{value}]."
    return problem(
        "resource-not-found",
        said,
        404,
        parameter=parameter,
        value=value,
        resource_id=value,
        resource_type=what,
    )


def refused(status: int, said: str, kind: str = "") -> web.Response:
    """A refusal; most of X's come without a type of their own."""
    if kind:
        body = problem(kind, said, status)
        return web.json_response(body, status=status, content_type="application/problem+json")
    return plain(status, "Forbidden", said)


def plain(status: int, title: str, said: str, headers: dict[str, str] | None = None) -> web.Response:
    """In both of X's forms at once: as a problem without a type, and with a code and a message."""
    body = {"type": "about:blank", "title": title, "detail": said, "status": status}
    return web.json_response(body | {"code": status, "message": said}, status=status, headers=headers)


def unauthorized() -> web.Response:
    """The token is not accepted."""
    return plain(401, "Unauthorized", "Unauthorized")


def no_grant() -> web.Response:
    """The code or refresh token is not accepted."""
    said = "Value passed for the token was invalid."
    return web.json_response({"error": "invalid_request", "error_description": said}, status=400)


def too_many(levers: Levers, headers: dict[str, str] | None = None) -> web.Response:
    """A limit is reached; the headers say until when."""
    ends = {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "0"}
    ends["x-rate-limit-reset"] = str(int(time.time()) + max(levers.retry_after, 2))
    return plain(429, "Too Many Requests", "Too Many Requests", headers or ends)
