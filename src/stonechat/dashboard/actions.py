"""The forms of the pages, each an action of the owner; and logging in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from stonechat.core.errors import Conflict, InvalidInput, StonechatError
from stonechat.dashboard.doors import Doors
from stonechat.dashboard.forms import Form, read_form
from stonechat.dashboard.guard import COOKIE, SESSION_AGE, TRIES, TRY_PERIOD
from stonechat.dashboard.pages import Pages
from stonechat.owner import (
    Done,
    Door,
    Owner,
    alerts,
    authors,
    breakers,
    editing,
    goals,
    jobs,
    log_in,
    moving,
    pictures,
    posting,
    queue,
    reserve,
    submission,
    tokens,
)

TRIED_WRONG, TRIED_TOO_OFTEN = "dashboard/tried-wrong", "dashboard/tried-too-often"

Act = Callable[[Doors, Owner, str, Form], Awaitable[Done[Any]]]
"""What is connected, the owner, the target, and what else stands in the form."""


def _edit(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    parts = editing.parts_of(form.get("text"))
    over = frozenset(form.words("despite"))
    return editing.edit(owner, doors.drafter(), target, parts, despite=over, seen=form.get("seen"))


def _move(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    at = f"{form.get('at')} {form.get('zone')}".strip()
    return moving.move(owner, target, at, spacing=doors.spacing(), seen=form.get("seen"))


def _submit(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    """The target is the account; nothing where there is one."""
    given = submission.Submission(
        parts=tuple(editing.parts_of(form.get("text"))),
        account=target or None,
        at=form.get("at") or None,
        pictures=[
            submission.GivenPicture(body, form.get("alt").strip(), form.number("part") - 1)
            for body in form.files("picture")
        ],
        again=bool(form.get("again")),
        despite=frozenset(form.words("despite")),
    )
    return submission.submit(owner, doors.drafter(), doors.networks(), given)


def _attach(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    part = form.number("part")
    return pictures.attach(owner, doors.networks(), target, form.file("picture"), form.get("alt"), part=part)


def _log_in(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    return log_in.import_session(owner, doors.session_import(), target, form.file("session"))


def _force(_: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    return breakers.force(owner, target, form.get("to"), why=form.get("why"))


def _run_job(doors: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    return jobs.run(owner, doors.operations(), target, form.get("account") or None)


def _silence(_: Doors, owner: Owner, target: str, form: Form) -> Awaitable[Done[Any]]:
    length = alerts.length_of(form.get("length"))
    return alerts.silence(owner, target, length=length, why=form.get("why"))


def _plain(act: Callable[..., Awaitable[Done[Any]]]) -> Act:
    """An action that takes a target alone."""
    return lambda _, owner, target, _form: act(owner, target)


def _reasoned(act: Callable[..., Awaitable[Done[Any]]]) -> Act:
    """An action that takes a target and a reason."""
    return lambda _, owner, target, form: act(owner, target, why=form.get("why"))


def _of_account(act: Callable[..., Awaitable[Done[Any]]]) -> Act:
    """An action that is done for one account or for each."""
    return lambda _, owner, target, form: act(owner, target, form.get("account") or None, why=form.get("why"))


def _scheduled(act: Callable[..., Awaitable[Done[Any]]]) -> Act:
    """An action on a job's schedule, of one account or of all."""
    return lambda doors, owner, target, form: act(
        owner, doors.operations(), target, form.get("account") or None, why=form.get("why")
    )


ACTIONS: Mapping[tuple[str, str], Act] = {
    ("queue", "submit"): _submit,
    ("queue", "approve"): lambda _, owner, target, form: queue.approve(owner, target, seen=form.get("seen")),
    ("queue", "reject"): _reasoned(queue.reject),
    ("queue", "edit"): _edit,
    ("queue", "move"): _move,
    ("queue", "attach"): _attach,
    ("queue", "detach"): _plain(pictures.detach),
    ("queue", "cancel"): _reasoned(queue.cancel),
    ("queue", "again"): _reasoned(queue.queue_again),
    ("queue", "live"): lambda _, owner, target, form: queue.found_live(owner, target, form.words("posts")),
    ("reserve", "approve"): _plain(reserve.approve),
    ("reserve", "discard"): _plain(reserve.discard),
    ("accounts", "log_in"): _log_in,
    ("accounts", "remove"): _reasoned(log_in.forget),
    ("authors", "mute"): _of_account(authors.mute),
    ("authors", "unmute"): _of_account(authors.unmute),
    ("learn", "goal"): lambda doors, owner, target, form: goals.choose(
        owner, target, form.get("goal"), doors.maturity
    ),
    ("posting", "pause"): _reasoned(posting.pause),
    ("posting", "resume"): _reasoned(posting.resume),
    ("jobs", "run"): _run_job,
    ("jobs", "pause"): _scheduled(jobs.pause),
    ("jobs", "resume"): _scheduled(jobs.resume),
    ("jobs", "cancel"): lambda doors, owner, target, _form: jobs.cancel_run(
        owner, doors.operations(), target
    ),
    ("breakers", "force"): _force,
    ("breakers", "release"): _reasoned(breakers.release),
    ("breakers", "reset"): _reasoned(breakers.reset),
    ("tokens", "revoke"): _plain(tokens.revoke),
    ("alerts", "acknowledge"): _reasoned(alerts.acknowledge),
    ("alerts", "silence"): _silence,
    ("alerts", "unsilence"): _reasoned(alerts.unsilence),
    ("alerts", "test"): lambda doors, owner, target, _form: alerts.try_channels(
        owner, doors.channels(), target
    ),
}
"""``POST /do/{kind}/{what}`` with ``target`` and what else the action takes."""


async def _token(pages: Pages, password: str, source: str) -> str | None:
    """A session for the right password, unless ``source`` tried too often: here, or on all hosts together.

    The guard of this process counts by itself; the cache can only add what was tried elsewhere.
    """
    cache = pages.data.cache
    if cache is not None and await cache.get(f"{TRIED_TOO_OFTEN}/{source}") is not None:
        return None
    token = await pages.guard.log_in(password, source)
    if (
        token is None
        and cache is not None
        and await cache.count(f"{TRIED_WRONG}/{source}", TRY_PERIOD) >= TRIES
    ):
        await cache.put(f"{TRIED_TOO_OFTEN}/{source}", b"1", TRY_PERIOD)
    return token


def action_routes(pages: Pages, doors: Doors) -> APIRouter:
    """Everything that changes something. The guard has already asked who and from where."""
    router = APIRouter(include_in_schema=False)

    @router.post("/do/{kind}/{what}")
    async def do(request: Request, kind: str, what: str) -> Response:
        visitor = pages.guard.visitor(request)
        if (kind, what) not in ACTIONS or visitor is None:
            return pages.render(request, "missing.html", 404)
        form = await read_form(request)
        owner = doors.owner(visitor, Door.PAGES)
        try:
            await doors.pass_on(ACTIONS[kind, what](doors, owner, form.get("target"), form))
        except (InvalidInput, Conflict) as error:
            if not form.get("text"):
                raise
            return await _given_back(pages, request, error, form)
        return RedirectResponse(_back(request), 303)

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        form = await read_form(request)
        token = await _token(pages, form.get("password"), request.client.host if request.client else "")
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


async def _given_back(pages: Pages, request: Request, error: StonechatError, form: Form) -> Response:
    """What was typed and refused, with the reason, to be mended and sent again; nothing of it is lost."""
    found = await pages.data.post(form.get("target")) if form.get("target") else None
    status = 409 if isinstance(error, Conflict) else 422
    fields = {name: value for name, value in form.fields.items() if name not in ("text", "seen")}
    current, text = found[0].content if found else None, form.get("text")
    return pages.render(
        request, "refused.html", status, error=error, fields=fields, text=text, current=current
    )


def _back(request: Request) -> str:
    """The page that the form stood on; only its path, so that nobody is sent elsewhere."""
    try:
        path = urlsplit(request.headers.get("referer", "")).path
    except ValueError:
        return "/"
    return path if path.startswith("/") and not path.startswith("//") else "/"
