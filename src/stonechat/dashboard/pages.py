"""Every page and every part of a page, rendered here; a part is what a page fetches again by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, pass_context
from jinja2.runtime import Context as TemplateContext
from markupsafe import Markup

from stonechat.core.errors import StonechatError
from stonechat.core.ids import digest
from stonechat.dashboard import formatting, navigation, wording
from stonechat.dashboard.changes import Changes, TooManyStreams
from stonechat.dashboard.frame import Frame, read_frame
from stonechat.dashboard.guard import Guard
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.dashboard.reading_data import analytics, harvests
from stonechat.dashboard.view_models import AccountLine
from stonechat.monitoring.catalogue.rules import meaning
from stonechat.monitoring.figures import AGES, OLDER
from stonechat.monitoring.meters import samples
from stonechat.monitoring.service_levels import TARGETS, WINDOWS
from stonechat.owner import goals

HERE = Path(__file__).parent

Context = dict[str, Any]
Part = Callable[[Frame], Awaitable[Context]]


class Pages:
    """Renders the templates with what they need."""

    def __init__(self, data: DashboardData, guard: Guard) -> None:
        self.data = data
        self.guard = guard
        self._templates = Jinja2Templates(directory=HERE / "templates")
        environment = self._templates.env
        environment.trim_blocks = environment.lstrip_blocks = True
        _teach(environment, data)
        self.parts: dict[str, Part] = {
            "verdict": self._verdict,
            "layers": self._layers,
            "alerts": self._alerts,
            "queue": self._queue,
            "posts": self._posts,
            "learning": self._learning,
            "learned": self._learning,
            "costs": self._costs,
            "jobs": self._jobs,
            "breakers": self._breakers,
            "browser": self._browser,
            "approval": self._queue,
            "waiting": self._queue,
            "submit": self._accounts,
            "reserve": self._reserve,
            "accounts": self._accounts,
            "muted": self._muted,
            "posting": self._posting,
            "database": self._database,
            "cache": self._cache,
            "harvesting": self._harvesting,
            "analytics": self._analytics,
        }

    def render(self, request: Request, template: str, status: int = 200, **context: Any) -> Response:
        """One template, with what every page shows."""
        common = {
            "frame": frame_of(request),
            "navigation": navigation,
            "mode": self.data.mode,
            "path": request.url.path,
            "now": self.data.clock.now(),
            "speed": self.data.clock.speed,
            "login": self.guard.needs_login,
            "ready": self.data.ready(),
            "borrowed_voices": self.data.borrowed_voices,
        }
        return self._templates.TemplateResponse(request, template, common | context, status_code=status)

    async def frame(self, request: Request) -> Frame:
        """What stands around the page that is asked for."""
        return await read_frame(request, self.data)

    async def part(self, request: Request, name: str) -> Response:
        """One part; where it cannot be read now, a line that says so."""
        try:
            return self.render(request, f"parts/{name}.html", **await self.parts[name](frame_of(request)))
        except NotOpen as exc:
            return self.render(request, "parts/starting.html", what=str(exc))
        except StonechatError as exc:
            return self.render(request, "parts/unread.html", error=exc)

    async def page(self, request: Request, template: str, names: Sequence[str]) -> Response:
        """A page with its parts in it, so that it is whole before any script has run."""
        parts = {name: bytes((await self.part(request, name)).body).decode() for name in names}
        return self.render(request, template, parts=parts)

    def waiting(self, request: Request, what: str) -> Response:
        """The page while the part that it needs is not open."""
        return self.render(request, "starting.html", 503, what=what, steps=self.data.steps())

    def trouble(self, request: Request, error: StonechatError, status: int) -> Response:
        """What went wrong, what it means, what to do."""
        return self.render(request, "trouble.html", status, error=error)

    async def _verdict(self, frame: Frame) -> Context:
        verdict, firing = self.data.board.verdict(), await self.data.firing()
        context: Context = {"since": verdict.since, "actions": [], "off": []}
        lines: Sequence[AccountLine] = ()
        with contextlib.suppress(NotOpen, StonechatError):  # the verdict is shown whatever cannot be read
            lines = await self.data.accounts()
            context["off"] = await self.data.switches()
            context["actions"] = await self.data.next_actions(await self.data.queue(frame.account_id))
        state, context["sentence"] = wording.headline(verdict, firing, lines)
        context["state"] = state.value
        return context

    async def _layers(self, _: Frame) -> Context:
        return {"layers": self.data.board.layers(), "steps": self.data.steps()}

    async def _alerts(self, _: Frame) -> Context:
        return {"firing": await self.data.firing()}

    async def _queue(self, frame: Frame) -> Context:
        return {"queue": await self.data.queue(frame.account_id)}

    async def _accounts(self, frame: Frame) -> Context:
        known = self.data.networks.plugins if self.data.networks is not None else {}
        logging_in = {name for name, one in known.items() if one.log_in is not None}
        return {"accounts": await self.data.accounts(frame.account_id), "logging_in": logging_in}

    async def _reserve(self, frame: Frame) -> Context:
        return {"reserve": await self.data.reserve(frame.account_id)}

    async def _muted(self, frame: Frame) -> Context:
        muted = await self.data.muted()
        return {"muted": [one for one in muted if frame.account_id in (None, one.account_id)]}

    async def _posts(self, frame: Frame) -> Context:
        return {"posts": await self.data.posts(frame.account_id, limit=8)}

    async def _learning(self, frame: Frame) -> Context:
        return {"accounts": await self.data.learning(frame.account_id)}

    async def _costs(self, _: Frame) -> Context:
        return {"costs": await self.data.costs()}

    async def _jobs(self, _: Frame) -> Context:
        return {"jobs": await self.data.jobs(), "times": await self.data.run_times()}

    async def _browser(self, _: Frame) -> Context:
        health = self.data.pool()
        outcomes = sorted({outcome for counts in health.operations.values() for outcome in counts})
        state = "ok" if health.up and not health.exhausted else "down"
        failures = await self.data.failures(limit=10)
        return {"health": health, "state": state, "outcomes": outcomes, "failures": failures}

    async def _posting(self, _: Frame) -> Context:
        breakers = [one for one in self.data.breaker_status() if one.name.startswith("posting/")]
        return {
            "health": self.data.board.layer("posting"),
            "accounts": await self.data.account_figures(),
            "windows": tuple(WINDOWS),
            "targets": TARGETS,
            "breakers": breakers,
        }

    async def _database(self, _: Frame) -> Context:
        database = self.data.open_database()
        return {
            "health": self.data.board.layer("database"),
            "address": database.url,
            "pool": database.pool(),
            "hold_limit": database.hold_limit,
            "latency": database.latency(),
            "refused": database.refused(),
            "failures": samples(database.meters()[-1]),
        }

    async def _cache(self, _: Frame) -> Context:
        if self.data.cache is None:
            raise NotOpen("cache")
        cache = self.data.cache
        return {
            "health": self.data.board.layer("cache"),
            "cache": cache.health(),
            "failures": samples(cache.failed_calls),
        }

    async def _harvesting(self, _: Frame) -> Context:
        jobs = [job for job in await self.data.jobs() if job.name.startswith("harvesting.")]
        return {
            "health": self.data.board.layer("harvesting"),
            "accounts": await self.data.account_figures(),
            "ages": (*(name for name, _ in AGES), OLDER),
            "jobs": jobs,
            "harvests": await harvests(self.data),
        }

    async def _analytics(self, frame: Frame) -> Context:
        return {"analytics": await analytics(self.data, frame.account_id)}

    async def _breakers(self, _: Frame) -> Context:
        return {"breakers": self.data.breaker_status()}


def frame_of(request: Request) -> Frame:
    """The frame that was read for the request; of a stranger none was."""
    frame = getattr(request.state, "frame", None)
    return frame if isinstance(frame, Frame) else Frame()


def _teach(environment: Environment, data: DashboardData) -> None:
    """Filters and functions of the templates; times are by the clocks of the account that a page shows."""
    environment.trim_blocks = environment.lstrip_blocks = True
    for tool in (
        *(formatting.sign, formatting.tone, formatting.is_web, formatting.plain, formatting.duration),
        *(formatting.count, formatting.percent, formatting.time),
        *(wording.session_said, wording.factor_said, wording.kind_said),
    ):
        environment.filters[tool.__name__] = tool

    def zone_in(context: TemplateContext, account_id: str | None) -> tzinfo:
        frame = context.get("frame")
        return frame.zone_of(account_id) if isinstance(frame, Frame) else UTC

    @pass_context
    def moment(context: TemplateContext, at: datetime | None, account_id: str | None = None) -> Markup:
        return formatting.moment(at, data.clock.now(), zone_in(context, account_id))

    @pass_context
    def upcoming(context: TemplateContext, at: datetime | None, account_id: str | None = None) -> Markup:
        return formatting.upcoming(at, data.clock.now(), data.clock.speed, zone_in(context, account_id))

    @pass_context
    def moment_real(context: TemplateContext, at: datetime | None) -> Markup:
        return formatting.moment(at, data.clock.wall(), zone_in(context, None))

    @pass_context
    def clock(context: TemplateContext, at: datetime | None, account_id: str | None = None) -> Markup:
        return formatting.clock(at, zone_in(context, account_id))

    environment.globals |= {"moment": moment, "upcoming": upcoming, "moment_real": moment_real}
    environment.globals |= {"clock": clock, "digest": digest}


def page_routes(pages: Pages, changes: Changes) -> APIRouter:
    """The pages that are read."""
    router = APIRouter(include_in_schema=False)
    _simple_pages(router, pages)
    _detail_pages(router, pages)
    _system_pages(router, pages)
    _login_pages(router, pages)

    @router.get("/changes")
    async def stream(request: Request) -> Response:
        try:
            source = request.client.host if request.client else ""
            stream = changes.open(source, lambda: pages.guard.visitor(request) is not None)
        except TooManyStreams:
            return Response("too many open pages", 429, headers={"Retry-After": "30"})
        return StreamingResponse(stream, media_type="text/event-stream")

    @router.get("/parts/{name}")
    async def part(request: Request, name: str) -> Response:
        if name not in pages.parts:
            return pages.render(request, "missing.html", 404)
        return await pages.part(request, name)

    return router


def _simple_pages(router: APIRouter, pages: Pages) -> None:
    def page(path: str, template: str, *names: str) -> None:
        async def show(request: Request) -> Response:
            return await pages.page(request, template, names)

        router.add_api_route(path, show, methods=["GET"], operation_id=f"page_{path}")

    page("/", "overview.html", "verdict", "alerts", "layers", "posts", "queue", "learning", "costs", "jobs")
    page("/queue", "queue.html", "approval", "waiting", "submit", "reserve")
    page("/accounts", "accounts.html", "accounts", "muted")
    page("/jobs", "jobs.html", "jobs")
    page("/breakers", "breakers.html", "breakers")
    page("/browser", "browser.html", "browser")
    for name in ("posting", "database", "cache", "harvesting", "analytics"):
        page(f"/{name}", "layer.html", name)
    page("/learning", "learning.html", "learned")


def _detail_pages(router: APIRouter, pages: Pages) -> None:
    @router.get("/posts/{content_id}")
    async def post(request: Request, content_id: str) -> Response:
        found = await pages.data.post(content_id)
        if found is None:
            return pages.render(request, "missing.html", 404)
        line, changes, tries, shots = found
        failures = await pages.data.failures(content_id=content_id)
        elsewhere = pages.data.elsewhere(*(one.host for one in tries if one.outcome != "posted"))
        return pages.render(
            request,
            "post.html",
            post=line,
            changes=changes,
            tries=tries,
            shots=shots,
            failures=failures,
            elsewhere=elsewhere,
            why=await pages.data.arm_explained(line.content),
        )

    @router.get("/learning/goal")
    async def goal(request: Request, account: str = "", to: str = "") -> Response:
        data = pages.data
        change = await goals.preview(data.open_database(), account, to, data.maturity)
        return pages.render(request, "goal.html", account=account, goal=to, change=change)

    @router.get("/posts")
    async def posts(request: Request) -> Response:
        return pages.render(
            request, "posts.html", posts=await pages.data.posts(frame_of(request).account_id, limit=200)
        )

    @router.get("/rehearsals")
    async def rehearsals(request: Request) -> Response:
        return pages.render(
            request,
            "rehearsals.html",
            posts=await pages.data.rehearsals(frame_of(request).account_id, limit=200),
        )

    @router.get("/live")
    async def live(request: Request) -> Response:
        known = pages.data.going_live
        if known is None:
            return pages.waiting(request, "content")
        return pages.render(request, "live.html", checks=await known.checklist(), rules=known.rules)


def _system_pages(router: APIRouter, pages: Pages) -> None:
    @router.get("/alerts")
    async def alerts(request: Request) -> Response:
        data = pages.data
        return pages.render(
            request,
            "alerts.html",
            alerts=await data.alerts(),
            undelivered=await data.undelivered(),
            channels=[channel.name for channel in data.told.channels],
            meaning=meaning,
        )

    @router.get("/audit")
    async def audit(request: Request) -> Response:
        return pages.render(request, "audit.html", lines=await pages.data.audit())


def _login_pages(router: APIRouter, pages: Pages) -> None:
    @router.get("/login")
    async def login(request: Request) -> Response:
        if not pages.guard.needs_login or pages.guard.visitor(request) is not None:
            return RedirectResponse("/", 303)
        return pages.render(request, "login.html", wrong=False)
