"""The inbox, the calendar and what was not posted: as pages, and the same below ``/api``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from stonechat.core.errors import InvalidInput
from stonechat.core.json_values import plain
from stonechat.core.network import TextRules
from stonechat.core.texts import canonical
from stonechat.dashboard import desk_data
from stonechat.dashboard.api_models import READING_REFUSALS, NetworkPreview, PartPreview, TextBody
from stonechat.dashboard.frame import Frame
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.dashboard.pages import Pages, frame_of
from stonechat.dashboard.view_models import CalendarDay

WEEK, SIX_WEEKS = 7, 42
"""Days that a calendar of a week and of a month shows."""


def desk_routes(pages: Pages) -> APIRouter:
    """``/inbox``, ``/calendar`` and ``/unposted``."""
    router = APIRouter()
    data = pages.data
    pages.parts["inbox"] = lambda frame: _inbox(pages, frame)

    @router.get("/inbox", include_in_schema=False)
    async def inbox(request: Request) -> Response:
        return await pages.page(request, "inbox.html", ["inbox"])

    @router.get("/calendar", include_in_schema=False)
    async def calendar(request: Request, view: str = "week", day: str = "") -> Response:
        frame = frame_of(request)
        month = view == "month"
        asked = _day(day) if day else data.clock.now().astimezone(frame.zone).date()
        first, days = _span(asked, month=month)
        found = await _calendar(data, first, days, frame)
        return pages.render(
            request,
            "calendar.html",
            days=found,
            asked=asked,
            month=month,
            spacing=data.spacing,
            before=_step(asked, -1, month=month),
            after=_step(asked, 1, month=month),
        )

    @router.get("/unposted", include_in_schema=False)
    async def unposted(request: Request) -> Response:
        account_id = frame_of(request).account_id
        found = await desk_data.unposted(data.open_database(), account_id)
        kept = await data.reserve(account_id)
        return pages.render(request, "unposted.html", unposted=found, reserve=kept)

    @router.get("/write", include_in_schema=False)
    async def write(request: Request) -> Response:
        return pages.render(request, "write.html", accounts=await data.accounts(frame_of(request).account_id))

    _as_json(router, pages)
    return router


def _as_json(router: APIRouter, pages: Pages) -> None:
    data = pages.data

    @router.post("/api/preview", tags=["api"])
    async def preview(body: TextBody) -> list[NetworkPreview]:
        """How long a text is by the rules of each network that has an account; nothing is stored."""
        if data.networks is None:
            raise NotOpen("content")
        of: dict[str, list[str]] = {}
        for line in await data.accounts():
            of.setdefault(line.account.network, []).append(line.account.id)
        return [
            NetworkPreview(network=name, accounts=ids, parts=_measured(rules, body.parts))
            for name, ids in of.items()
            if (rules := data.networks.text_rules.get(name)) is not None
        ]

    @router.get("/api/inbox", tags=["api"], responses=READING_REFUSALS)
    async def inbox(account: str | None = None) -> Response:
        """What waits for the owner's word: whom it answers, what stands above, why, and the draft."""
        queue = await data.queue(account)
        return JSONResponse(plain(await desk_data.inbox(data.open_database(), queue.approval)))

    @router.get("/api/calendar", tags=["api"], responses=READING_REFUSALS)
    async def calendar(first: date, days: int = WEEK, account: str | None = None) -> Response:
        """Each day from ``first`` by the account's clocks, with gaps and clashes; UTC where they differ."""
        frame = Frame(tuple(line.account for line in await data.accounts(account)))
        days = max(1, min(days, SIX_WEEKS))
        return JSONResponse(plain(await _calendar(data, first, days, frame, account)))

    @router.get("/api/unposted", tags=["api"], responses=READING_REFUSALS)
    async def unposted(account: str | None = None, limit: int = 50) -> Response:
        """Rejected drafts and content with their reasons, missed, cancelled, and who was not answered."""
        database = data.open_database()
        found = await desk_data.unposted(database, account, limit=max(1, min(limit, 500)))
        return JSONResponse(plain(found))


def _measured(rules: TextRules, parts: Sequence[str]) -> list[PartPreview]:
    lengths = [rules.length(canonical(part)) for part in parts]
    return [PartPreview(length=n, limit=rules.max_length, fits=0 < n <= rules.max_length) for n in lengths]


async def _inbox(pages: Pages, frame: Frame) -> dict[str, object]:
    queue = await pages.data.queue(frame.account_id)
    items = await desk_data.inbox(pages.data.open_database(), queue.approval)
    return {"items": items, "queue": queue}


async def _calendar(
    data: DashboardData, first: date, days: int, frame: Frame, account_id: str | None = None
) -> list[CalendarDay]:
    return await desk_data.calendar(
        data.open_database(),
        first,
        days,
        frame.zone,
        now=data.clock.now(),
        spacing=data.spacing,
        account_id=account_id or frame.account_id,
    )


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError as exc:
        raise InvalidInput(f"{given[:20]!r} is no day.", remedy="Write it as 2026-03-29.") from exc


def _span(asked: date, *, month: bool) -> tuple[date, int]:
    """The first day that is shown, a Monday, and how many."""
    first = asked.replace(day=1) if month else asked
    return first - timedelta(days=first.weekday()), SIX_WEEKS if month else WEEK


def _step(asked: date, by: int, *, month: bool) -> date:
    """A day of the week, or of the month, before or after."""
    if not month:
        return asked + timedelta(days=by * WEEK)
    middle = asked.replace(day=15) + timedelta(days=by * 30)
    return middle.replace(day=1)
