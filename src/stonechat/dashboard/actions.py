"""What a human can do on the pages; each action is audited with who did it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from stonechat.content import approval
from stonechat.core.errors import Permanent
from stonechat.core.states import BreakerState
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.guard import COOKIE, SESSION_AGE, TRIES, TRY_PERIOD
from stonechat.dashboard.page_data import NotOpen
from stonechat.dashboard.pages import Pages
from stonechat.database.repositories import accounts, alerts
from stonechat.posting import owner_decisions

LONGEST_FORM = 100_000
SILENCE = timedelta(hours=4)
TRIED_WRONG, TRIED_TOO_OFTEN = "dashboard/tried-wrong", "dashboard/tried-too-often"


Action = Callable[["Actions", str, dict[str, str], str], Awaitable[str]]
"""Target, form and who; says in a few words what was done."""


class Actions:
    """One method an action: does it and says in a few words what was done, for the audit trail."""

    def __init__(self, pages: Pages) -> None:
        self._data = pages.data

    async def approve(self, target: str, form: dict[str, str], who: str) -> str:
        """Queue what waits for approval, exactly as it was shown."""
        await approval.approve(
            self._data.open_database(), self._data.clock, target, who, seen=form.get("seen") or None
        )
        return "approved"

    async def reject(self, target: str, form: dict[str, str], who: str) -> str:
        """Never post it; the reason teaches the writer."""
        why = form.get("why", "").strip()
        await approval.reject(self._data.open_database(), self._data.clock, target, who, why=why)
        return why or "no reason given"

    async def edit(self, target: str, form: dict[str, str], who: str) -> str:
        """Change the text before it is posted; parts of a thread stand apart by a line ``---``."""
        if self._data.edit is None:
            raise NotOpen("content")
        parts = [part.strip() for part in form.get("text", "").replace("\r\n", "\n").split("\n---\n")]
        await self._data.edit(target, who, parts)
        return f"{len(parts)} part{'s' if len(parts) != 1 else ''}"

    async def cancel(self, target: str, form: dict[str, str], who: str) -> str:
        """Take it out of the queue."""
        async with self._data.open_database().begin("dashboard.cancel") as connection:
            why = form.get("why") or "cancelled on the dashboard"
            await owner_decisions.cancel(connection, target, who=who, now=self._data.clock.now(), why=why)
        return why

    async def requeue(self, target: str, form: dict[str, str], who: str) -> str:
        """Queue again what failed or was missed."""
        async with self._data.open_database().begin("dashboard.requeue") as connection:
            why = form.get("why") or "queued again on the dashboard"
            await owner_decisions.queue_again(
                connection, target, who=who, now=self._data.clock.now(), why=why
            )
        return why

    async def found_live(self, target: str, form: dict[str, str], who: str) -> str:
        """It is on the profile after all."""
        posts = form.get("posts", "").split()
        async with self._data.open_database().begin("dashboard.found_live") as connection:
            await owner_decisions.found_live(connection, target, posts, who=who, now=self._data.clock.now())
        return f"is live at {' '.join(posts)}"

    async def pause(self, target: str, form: dict[str, str], who: str) -> str:
        """Hold posting: ``all``, or one account's."""
        scope, account = ("posting", None) if target == "all" else (f"posting/{target}", target)
        why = form.get("why") or "paused on the dashboard"
        async with self._data.open_database().begin("dashboard.pause") as connection:
            await accounts.switch_off(
                connection, scope, account_id=account, who=who, why=why, now=self._data.clock.now()
            )
        return why

    async def resume(self, target: str, form: dict[str, str], who: str) -> str:
        """Let posting go on."""
        scope = "posting" if target == "all" else f"posting/{target}"
        async with self._data.open_database().begin("dashboard.resume") as connection:
            await accounts.switch_on(connection, scope, who=who, why="resumed", now=self._data.clock.now())
        return "resumed"

    async def run_job(self, target: str, form: dict[str, str], who: str) -> str:
        """Run a job now."""
        if self._data.runner is None:
            raise NotOpen("jobs")
        return await self._data.runner.trigger(target, form.get("account") or None, by=who)

    async def pause_job(self, target: str, form: dict[str, str], who: str) -> str:
        """Hold a job's ticks."""
        if self._data.runner is None:
            raise NotOpen("jobs")
        why = form.get("why") or "paused on the dashboard"
        await self._data.runner.pause(target, form.get("account") or None, by=who, why=why)
        return why

    async def resume_job(self, target: str, form: dict[str, str], who: str) -> str:
        """Let a job's ticks go on."""
        if self._data.runner is None:
            raise NotOpen("jobs")
        await self._data.runner.resume(target, form.get("account") or None, by=who)
        return "resumed"

    async def cancel_run(self, target: str, form: dict[str, str], who: str) -> str:
        """Stop a run that waits or is at work, on whichever host."""
        if self._data.runner is None:
            raise NotOpen("jobs")
        if not await self._data.runner.cancel(target, by=who):
            raise Permanent(f"The run {target} has ended already, or there is none.")
        return "cancelled"

    async def force_breaker(self, target: str, form: dict[str, str], who: str) -> str:
        """Force a breaker ``open`` or ``closed``, or ``reset`` it."""
        if self._data.breakers is None:
            raise NotOpen("breakers")
        states = {"open": BreakerState.FORCED_OPEN, "closed": BreakerState.FORCED_CLOSED, "reset": None}
        wanted = form.get("to", "")
        if wanted not in states:
            raise Permanent(f"A breaker cannot be forced {wanted!r}.", remedy="open, closed or reset.")
        why = form.get("why") or f"{wanted} on the dashboard"
        await self._data.breakers.force(target, states[wanted], who=who, why=why)
        return why

    async def acknowledge(self, target: str, form: dict[str, str], who: str) -> str:
        """Say that somebody sees to an alert: it is not repeated."""
        async with self._data.open_database().begin("dashboard.acknowledge") as connection:
            if not await alerts.acknowledge(connection, target, who=who):
                raise Permanent(f"There is no alert {target}.")
        return "acknowledged"

    async def silence(self, target: str, form: dict[str, str], who: str) -> str:
        """No messages about an alert for four hours."""
        until = self._data.clock.wall() + SILENCE
        async with self._data.open_database().begin("dashboard.silence") as connection:
            if not await alerts.silence(connection, target, until=until):
                raise Permanent(f"There is no alert {target}.")
        return f"until {until:%H:%M} UTC"


ACTIONS: dict[tuple[str, str], tuple[Action, str]] = {
    ("queue", "approve"): (Actions.approve, "queue"),
    ("queue", "reject"): (Actions.reject, "queue"),
    ("queue", "edit"): (Actions.edit, "queue"),
    ("queue", "cancel"): (Actions.cancel, "queue"),
    ("queue", "requeue"): (Actions.requeue, "queue"),
    ("queue", "live"): (Actions.found_live, "queue"),
    ("posting", "pause"): (Actions.pause, "health"),
    ("posting", "resume"): (Actions.resume, "health"),
    ("jobs", "run"): (Actions.run_job, "jobs"),
    ("jobs", "pause"): (Actions.pause_job, "jobs"),
    ("jobs", "resume"): (Actions.resume_job, "jobs"),
    ("jobs", "cancel"): (Actions.cancel_run, "jobs"),
    ("breakers", "force"): (Actions.force_breaker, "breakers"),
    ("alerts", "acknowledge"): (Actions.acknowledge, "alerts"),
    ("alerts", "silence"): (Actions.silence, "alerts"),
}
"""``POST /do/{kind}/{what}?target=…``: the action, and the part of the pages that it changes."""


async def _token(pages: Pages, password: str) -> str | None:
    """A session for the right password, unless it was tried too often: here, or on all hosts together.

    The guard of this process counts by itself; the cache can only add what was tried elsewhere.
    """
    cache = pages.data.cache
    if cache is not None and await cache.get(TRIED_TOO_OFTEN) is not None:
        return None
    token = await asyncio.to_thread(pages.guard.log_in, password)
    if token is None and cache is not None and await cache.count(TRIED_WRONG, TRY_PERIOD) >= TRIES:
        await cache.put(TRIED_TOO_OFTEN, b"1", TRY_PERIOD)
    return token


def action_routes(pages: Pages, changes: Changes) -> APIRouter:
    """Everything that changes something. The guard has already asked who and from where."""
    router = APIRouter(include_in_schema=False)
    actions = Actions(pages)

    @router.post("/do/{kind}/{what}")
    async def do(request: Request, kind: str, what: str) -> Response:
        visitor = pages.guard.visitor(request)
        if (kind, what) not in ACTIONS or visitor is None:
            return pages.render(request, "missing.html", 404)
        action, topic = ACTIONS[kind, what]
        form = await _form(request)
        target = form.get("target", "")
        said = await action(actions, target, form, visitor.name)
        pages.data.outdate()
        await _audit(pages, visitor.name, f"{kind}.{what}", f"{target}: {said}")
        changes.tell(topic, "health")
        return RedirectResponse(_back(request), 303)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        form = await _form(request)
        token = await _token(pages, form.get("password", ""))
        if token is None:
            return pages.render(request, "login.html", 401, wrong=True)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION_AGE.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=request.headers.get("x-forwarded-proto", request.url.scheme) == "https",
        )
        return response

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        pages.guard.log_out(request)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


async def _audit(pages: Pages, who: str, action: str, detail: str) -> None:
    database = pages.data.database
    if database is not None:
        async with database.begin("dashboard.audit") as connection:
            await alerts.record(connection, at=pages.data.clock.now(), who=who, action=action, detail=detail)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            raise Permanent("The form is too long.")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _back(request: Request) -> str:
    """The page that the form stood on; only its path, so that nobody is sent elsewhere."""
    path = urlsplit(request.headers.get("referer", "")).path
    return path if path.startswith("/") and not path.startswith("//") else "/"
