"""What stands around a page: whose account is shown, in which time zone, and what waits for the owner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from fastapi import Request, Response

from stonechat.core.errors import StonechatError
from stonechat.core.model import Account
from stonechat.core.states import ContentState, LayerState
from stonechat.dashboard.page_data import DashboardData
from stonechat.database.repositories import accounts, content

WITHIN = 1.0
"""Real seconds after which a page is shown without what waits: the page itself says what is wrong."""

THEMES = ("auto", "light", "dark")
KEPT = ("account", "theme")
"""Choices that an address carries once (``?theme=dark``) and a cookie keeps."""

_KEPT_FOR = 365 * 24 * 3600
_ASK_THE_OWNER = (ContentState.AWAITING_APPROVAL, ContentState.FAILED)


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings of one page.

    Attributes:
        accounts: every account.
        account: the one that is looked at; None for all of them.
        waiting: how many pieces of content wait for the owner: to be approved, or because they failed.
    """

    accounts: tuple[Account, ...] = ()
    account: Account | None = None
    waiting: int = 0
    theme: str = "auto"

    @property
    def account_id(self) -> str | None:
        """The account that is looked at; None for all."""
        return self.account.id if self.account else None

    @property
    def zone(self) -> tzinfo:
        """The account's time zone; of several the one that they share, otherwise UTC."""
        if self.account is not None:
            return ZoneInfo(self.account.timezone)
        zones = {one.timezone for one in self.accounts}
        return ZoneInfo(zones.pop()) if len(zones) == 1 else UTC

    @property
    def zone_name(self) -> str:
        """The zone's name: ``Europe/Berlin``."""
        return getattr(self.zone, "key", "UTC")

    def zone_of(self, account_id: str | None) -> tzinfo:
        """The time zone of one of the accounts; the page's where it is not named or not known."""
        named = next((one for one in self.accounts if one.id == account_id), None)
        return ZoneInfo(named.timezone) if named else self.zone

    def local(self, at: datetime, account_id: str | None = None) -> datetime:
        """The moment by the clocks of the account."""
        return at.astimezone(self.zone_of(account_id))


async def read_frame(request: Request, data: DashboardData) -> Frame:
    """The frame for a request; while the database does not answer, one that knows no account."""
    chosen = _choices(request)
    theme = chosen.get("theme", "auto")
    theme = theme if theme in THEMES else "auto"
    if data.database is None or data.board.layer("database").state is LayerState.DOWN:
        return Frame(theme=theme)
    try:
        async with asyncio.timeout(WITHIN), data.database.read("dashboard.frame") as connection:
            every = tuple(await accounts.every(connection))
            waiting = await content.count_of_each(connection, _ASK_THE_OWNER)
    except (StonechatError, TimeoutError):
        return Frame(theme=theme)
    account = next((one for one in every if one.id == chosen.get("account")), None)
    meant = waiting.values() if account is None else [waiting.get(account.id, {})]
    return Frame(every, account, sum(sum(one.values()) for one in meant), theme)


def keep_choices(request: Request, response: Response) -> None:
    """Remember what the address chose."""
    for name in KEPT:
        chosen = request.query_params.get(name)
        if chosen is not None and len(chosen) <= 250:
            response.set_cookie(
                f"stonechat_{name}", chosen, max_age=_KEPT_FOR, httponly=True, samesite="strict"
            )


def _choices(request: Request) -> Mapping[str, str]:
    kept = {name: request.cookies.get(f"stonechat_{name}") for name in KEPT}
    now = {name: request.query_params.get(name) for name in KEPT}
    return {name: value for name in KEPT if (value := now[name] if now[name] is not None else kept[name])}
