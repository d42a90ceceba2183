"""X's website: pages behind the session cookies, and the GraphQL calls of their script."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import quote

from aiohttp import web

from stonechat.aviary.accounts import OwnAccount
from stonechat.aviary.faults import cut, disturb
from stonechat.aviary.levers import Levers, Panel, take
from stonechat.aviary.operations import READS, NotFound, created
from stonechat.aviary.pages import SUSPENDED, Pages
from stonechat.aviary.wire import Wire, error
from stonechat.aviary.wirepeople import Json
from stonechat.aviary.world import Refusal, World

_LOCKED = (
    "To protect our users from spam and other malicious activity, this account is temporarily locked. "
    "Please log in to https://x.com to unlock your account."
)
_AUTOMATED = (
    "This request looks like it might be automated. To protect our users from spam and other malicious "
    "activity, we can't complete this action right now. Please try again later."
)
_MESSAGES = {
    32: "Could not authenticate you.",
    64: SUSPENDED,
    88: "Rate limit exceeded.",
    185: "User is over daily status update limit.",
    186: "Tweet needs to be a bit shorter.",
    187: "Status is a duplicate.",
    226: _AUTOMATED,
    326: _LOCKED,
    344: "You have reached your daily limit for sending Tweets and messages.",
}
_ROOMS = frozenset({"home", "explore", "compose", "search", "notifications"})


class Site:
    """The handlers of the website, for one world and one panel of levers."""

    def __init__(self, world: World, panel: Panel) -> None:
        self.world = world
        self.panel = panel
        self.requests: Counter[str] = Counter()
        self._pages = Pages()
        self._tokens = {account.auth_token: account for account in world.accounts.values()}

    def routes(self) -> list[web.RouteDef]:
        """All routes; the last ones catch every other path, so add these after all others."""
        return [
            web.get("/static/site.js", self._script),
            web.get("/static/site.css", self._style),
            web.get("/static/avatar.png", self._empty),
            web.get("/favicon.ico", self._empty),
            web.get("/i/flow/login", self._login),
            web.get("/account/access", self._access),
            web.get("/i/api/graphql/{id}/{operation}", self.read),
            web.post("/i/api/graphql/{id}/{operation}", self.write),
            web.get("/{path:.+}", self.page),
        ]

    def account(self, request: web.Request) -> OwnAccount | None:
        """Whose session the request carries; None without both cookies or when logged out."""
        account = self._tokens.get(request.cookies.get("auth_token", ""))
        if account is None or not request.cookies.get("ct0"):
            return None
        return None if self.panel.of(account.handle).logged_out else account

    # ---------------------------------------------------------------- pages

    async def page(self, request: web.Request) -> web.Response:
        """Any page of a logged-in account, or the wall that stands before it."""
        self.requests["page"] += 1
        account = self.account(request)
        if account is None:
            raise web.HTTPFound(f"/i/flow/login?redirect_after_login={quote(request.path_qs)}")
        levers = self.panel.of(account.handle)
        disturbed = await disturb(levers, self.world.seed, self.requests.total())
        if disturbed is not None:
            return _html(self._pages.failed(), status=disturbed.status)
        if levers.locked or levers.challenged:
            raise web.HTTPFound("/account/access")
        if levers.suspended:
            return _html(self._pages.suspended())
        if not self._exists(request.path):
            return _html(self._pages.nothing_here(), status=404)
        wall = levers.consent_wall and "d_prefs" not in request.cookies
        response = _html(self._pages.shell(account, request.path, levers.page_changed, consent_wall=wall))
        if levers.renew_ct0:
            levers.renew_ct0 = False
            response.set_cookie("ct0", account.ct0[::-1], path="/")
        return response

    async def _login(self, request: web.Request) -> web.Response:
        return _html(self._pages.login())

    async def _access(self, request: web.Request) -> web.Response:
        account = self._tokens.get(request.cookies.get("auth_token", ""))
        if account is None:
            raise web.HTTPFound("/i/flow/login")
        levers = self.panel.of(account.handle)
        if levers.challenged:
            return _html(self._pages.challenged())
        if levers.locked:
            return _html(self._pages.locked())
        raise web.HTTPFound("/home")

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=self._pages.script, content_type="text/javascript", headers=_KEEP)

    async def _style(self, request: web.Request) -> web.Response:
        return web.Response(text=self._pages.style, content_type="text/css", headers=_KEEP)

    async def _empty(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    def _exists(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        return parts[0] in _ROOMS or self.world.author(parts[0]) is not None

    # ---------------------------------------------------------------- wire

    async def read(self, request: web.Request) -> web.Response:
        """A GraphQL query."""
        name = request.match_info["operation"]
        self.requests[name] += 1
        account, refusal = await self._admit(request)
        if account is None:
            return refusal
        operation = READS.get(name)
        variables = _object(request.query.get("variables", "{}"))
        if operation is None or variables is None:
            return web.json_response({"errors": [{"message": "Query not found."}]}, status=404)
        levers = self.panel.of(account.handle)
        if levers.search_broken and name == "SearchTimeline":
            return _answer(
                {"errors": [error(130, "Over capacity.", "search_by_raw_query")], "data": {}}, levers
            )
        wire = Wire(self.world, self.world.now(), account.handle.lower(), name)
        try:
            data = operation(wire, variables, account.handle, levers.pinned)
        except NotFound as missing:
            return _answer({"errors": [missing.as_error()], "data": {}}, levers)
        return _answer({"data": data}, levers)

    async def write(self, request: web.Request) -> web.Response:
        """A GraphQL mutation: ``CreateTweet`` (anything else is not found)."""
        name = request.match_info["operation"]
        self.requests[name] += 1
        body = _object(await request.text())
        account, refusal = await self._admit(request)
        if account is None:
            return refusal
        if name != "CreateTweet" or body is None:
            return web.json_response({"errors": [{"message": "Query not found."}]}, status=404)
        levers = self.panel.of(account.handle)
        code = _refusal_code(levers)
        if code:
            return _refused(Refusal(code, _MESSAGES.get(code, "Refused.")), levers)
        return self._create(request, account, levers, body.get("variables") or {})

    def _create(
        self, request: web.Request, account: OwnAccount, levers: Levers, variables: Json
    ) -> web.Response:
        if take(levers, "lose_request"):
            return cut(request)
        empty = take(levers, "empty_tweet_results")
        if empty and not levers.empty_is_live:
            return _answer({"data": {"create_tweet": {"tweet_results": {}}}}, levers)
        lost = not empty and take(levers, "lose_answer")
        reply = variables.get("reply") or {}
        outcome = self.world.publish(
            account.handle,
            str(variables.get("tweet_text", "")),
            str(reply.get("in_reply_to_tweet_id") or "") or None,
            {"user_agent": request.headers.get("User-Agent", ""), "operation": "CreateTweet"},
            refuse_duplicates=levers.duplicate_refused,
            answered=not (empty or lost),
        )
        if isinstance(outcome, Refusal):
            return _refused(outcome, levers)
        if lost:
            return cut(request)
        if empty:
            return _answer({"data": {"create_tweet": {"tweet_results": {}}}}, levers)
        wire = Wire(self.world, self.world.now(), account.handle.lower(), "CreateTweet")
        return _answer({"data": created(wire, outcome)}, levers)

    async def _admit(self, request: web.Request) -> tuple[OwnAccount | None, web.Response]:
        """The account, or the answer that turns the request away (the other one means nothing)."""
        account = self.account(request)
        if account is None:
            return None, web.json_response({"errors": [{"code": 32, "message": _MESSAGES[32]}]}, status=401)
        levers = self.panel.of(account.handle)
        disturbed = await disturb(levers, self.world.seed, self.requests.total())
        if disturbed is not None:
            return None, disturbed
        if request.headers.get("x-csrf-token", "") != request.cookies["ct0"]:
            message = "This request requires a matching csrf cookie and header."
            return None, web.json_response({"errors": [{"code": 353, "message": message}]}, status=403)
        if levers.locked or levers.challenged:
            return None, _answer({"errors": [error(326, _LOCKED)], "data": {}}, levers)
        if levers.suspended:
            return None, _answer({"errors": [error(64, SUSPENDED)], "data": {}}, levers)
        return account, web.Response()


_KEEP = {"Cache-Control": "public, max-age=86400"}


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _answer(body: Json, levers: Levers) -> web.Response:
    renamed = {name.removeprefix("wire.") for name in levers.page_changed if name.startswith("wire.")}
    return web.json_response(_rename(body, renamed) if renamed else body, dumps=_dump)


def _refused(refusal: Refusal, levers: Levers) -> web.Response:
    return _answer({"errors": [error(refusal.code, refusal.message, "create_tweet")], "data": {}}, levers)


def _refusal_code(levers: Levers) -> int:
    if take(levers, "refuse_226"):
        return 226
    left = int(levers.refuse.get("n", 1)) if levers.refuse else 0
    if left <= 0:
        return 0
    levers.refuse = levers.refuse | {"n": left - 1}
    return int(levers.refuse["code"])


def _rename(value: Any, names: set[str]) -> Any:
    """``value`` with the given keys renamed everywhere, as if the wire had changed."""
    if isinstance(value, dict):
        return {(f"{k}_v2" if k in names else k): _rename(v, names) for k, v in value.items()}
    return [_rename(v, names) for v in value] if isinstance(value, list) else value


def _dump(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _object(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
