"""What stands before every page and call: whose session it is, and what turns the request away."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from aiohttp import web

from stonechat_aviary.accounts import OwnAccount
from stonechat_aviary.allowance import Allowance
from stonechat_aviary.faults import disturb
from stonechat_aviary.levers import Levers, Panel
from stonechat_aviary.pages import SUSPENDED
from stonechat_aviary.sessions import Sessions
from stonechat_aviary.wirelists import error
from stonechat_aviary.wirepeople import Json
from stonechat_aviary.world import World

_LOCKED = (
    "To protect our users from spam and other malicious activity, this account is temporarily locked. "
    "Please log in to https://x.com to unlock your account."
)
_AUTOMATED = (
    "This request looks like it might be automated. To protect our users from spam and other malicious "
    "activity, we can't complete this action right now. Please try again later."
)
MESSAGES = {
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
"""X's words for its error codes."""


class Door:
    """Lets requests in, or says in X's way why not.

    Attributes:
        requests: how many of each kind came, let in or not.
    """

    def __init__(self, world: World, panel: Panel, sessions: Sessions) -> None:
        self.world = world
        self.panel = panel
        self.sessions = sessions
        self.requests: Counter[str] = Counter()
        self._allowance = Allowance()

    def account(self, request: web.Request) -> OwnAccount | None:
        """Whose session the request carries; None without both cookies or when logged out."""
        account = self.sessions.account(request.cookies.get("auth_token", ""))
        if account is None or not request.cookies.get("ct0"):
            return None
        return None if self.panel.of(account.handle).logged_out else account

    async def admit(
        self, request: web.Request, operation: str
    ) -> tuple[OwnAccount, dict[str, str]] | web.Response:
        """The account of a call and the headers for its answer, or the answer that turns it away."""
        self.requests[operation] += 1
        account = self.account(request)
        if account is None:
            return web.json_response({"errors": [{"code": 32, "message": MESSAGES[32]}]}, status=401)
        levers = self.panel.of(account.handle)
        disturbed = await disturb(levers, self.world.seed, self.requests.total())
        if disturbed is not None:
            return disturbed
        allowed, headers = self._allowance.use(account.handle, operation, levers.rate_limits)
        if not allowed:
            return web.Response(text="Rate limit exceeded\n", status=429, headers=headers)
        if request.headers.get("x-csrf-token", "") != request.cookies["ct0"]:
            message = "This request requires a matching csrf cookie and header."
            return web.json_response({"errors": [{"code": 353, "message": message}]}, status=403)
        return self._held(levers) or (account, headers)

    def _held(self, levers: Levers) -> web.Response | None:
        """The answer to an account that is locked, challenged or suspended: an error with HTTP 200."""
        if levers.locked or levers.challenged:
            return answer({"errors": [error(326, _LOCKED)], "data": {}}, levers)
        if levers.suspended:
            return answer({"errors": [error(64, SUSPENDED)], "data": {}}, levers)
        return None


def answer(body: Json, levers: Levers, headers: dict[str, str] | None = None) -> web.Response:
    """A wire answer, with the keys renamed that a lever says have moved."""
    renamed = {name.removeprefix("wire.") for name in levers.page_changed if name.startswith("wire.")}
    return web.json_response(_rename(body, renamed) if renamed else body, dumps=_dump, headers=headers)


def as_object(text: str) -> Json | None:
    """The JSON object in ``text``, or None."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _rename(value: Any, names: set[str]) -> Any:
    """``value`` with the given keys renamed everywhere, as if the wire had changed."""
    if isinstance(value, dict):
        return {(f"{k}_v2" if k in names else k): _rename(v, names) for k, v in value.items()}
    return [_rename(v, names) for v in value] if isinstance(value, list) else value


def _dump(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
