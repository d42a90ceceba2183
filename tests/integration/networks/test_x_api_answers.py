"""What Stonechat makes of each answer of X's API to a post, and what it pays: one table."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, formatdate
from typing import Any

import pytest
from aiohttp import web

from stonechat.core.clock import SystemClock
from stonechat.core.errors import NotTried, SessionTrouble, Transient
from stonechat.core.model import Account
from stonechat.core.network import Posted, Publication, PublishOutcome, Refused, Unconfirmed
from stonechat.core.states import SessionState
from tests.support.x_api import Purse, XApiNetwork, x_api_at

ACCOUNT = Account("x_api:me", "x_api", "me")
OWN = {"id": "7", "name": "Me", "username": "me", "description": "", "public_metrics": {"followers_count": 1}}
NOW = int(time.time())
PROBLEM = "https://api.x.com/2/problems/"


@dataclass
class Scripted:
    """X's API, answering what it is told to; ``me`` is how it answers whose token it is after a post."""

    status: int = 201
    body: Any = field(default_factory=lambda: {"data": {"id": "1", "text": "x"}})
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    me: int = 200
    asked: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    timelines: list[Any] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path_qs}")
        if request.path == "/2/users/me":
            status = self.me if self.sent else 200
            return web.json_response({"data": OWN} if status == 200 else {"title": "No"}, status=status)
        if request.path == "/2/users/7/tweets":
            return web.json_response(self.timelines.pop(0))
        self.sent.append(await request.json())
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        kind = "text/html" if isinstance(self.body, str) else "application/json"
        return web.Response(text=text, status=self.status, headers=self.headers, content_type=kind)


@contextlib.asynccontextmanager
async def scripted(**said: Any) -> AsyncIterator[tuple[Scripted, XApiNetwork, Purse]]:
    server, purse = Scripted(**said), Purse()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server, x_api_at(server.url, "token", SystemClock(), purse=purse), purse
    finally:
        await runner.cleanup()


def problem(kind: str, detail: str, status: int) -> dict[str, Any]:
    return {"type": kind, "title": "Problem", "detail": detail, "status": status}


PLAIN = "about:blank"
SAID = "said by X"
DATE = {"Date": formatdate(NOW, usegmt=True)}
LEFT = {**DATE, "x-rate-limit-remaining": "0", "x-rate-limit-reset": str(NOW + 120)}
DAY = {**DATE, "x-user-limit-24hour-remaining": "0", "x-user-limit-24hour-reset": str(NOW + 120)}

POSTED = Posted(("1",), "https://x.com/me/status/1")
TABLE: list[tuple[str, dict[str, Any], PublishOutcome, float]] = [
    ("201", {}, POSTED, 0.015),
    ("200 with data", {"status": 200}, POSTED, 0.015),
    ("an id that is a number", {"body": {"data": {"id": 1, "text": "x"}}}, POSTED, 0.015),
    (
        "data and errors",
        {"body": {"data": {"id": "1"}, "errors": [problem(PLAIN, SAID, 400)]}},
        POSTED,
        0.015,
    ),
    (
        "200, errors alone",
        {"status": 200, "body": {"errors": [problem(PROBLEM + "invalid-request", SAID, 400)]}},
        Refused("", permanent=True),
        0.0,
    ),
    (
        "200, an error of its own",
        {"status": 200, "body": {"errors": [problem(PROBLEM + "internal-error", SAID, 500)]}},
        Unconfirmed(""),
        0.015,
    ),
    ("200, nothing", {"status": 200, "body": {}}, Unconfirmed(""), 0.015),
    ("201, no id", {"body": {"data": {"text": "x"}}}, Unconfirmed(""), 0.015),
    ("201, a page", {"body": "<h1>ok</h1>"}, Unconfirmed(""), 0.015),
    (
        "400",
        {"status": 400, "body": problem(PROBLEM + "invalid-request", SAID, 400)},
        Refused("", permanent=True),
        0.0,
    ),
    (
        "401",
        {"status": 401, "me": 401, "body": problem(PLAIN, "Unauthorized", 401)},
        Refused("", session=SessionState.EXPIRED),
        0.0,
    ),
    ("401, a blip", {"status": 401, "body": problem(PLAIN, "Unauthorized", 401)}, Refused(""), 0.0),
    (
        "402",
        {"status": 402, "body": problem(PLAIN, "no credits", 402)},
        Refused("", retry_after=timedelta(hours=1)),
        0.0,
    ),
    (
        "403, a duplicate",
        {
            "status": 403,
            "body": problem(PLAIN, "You are not allowed to create a Tweet with duplicate content.", 403),
        },
        Unconfirmed("", duplicate=True),
        0.015,
    ),
    (
        "403, suspended",
        {"status": 403, "body": problem(PLAIN, "Your account is suspended.", 403)},
        Refused("", session=SessionState.SUSPENDED),
        0.0,
    ),
    (
        "403, locked",
        {"status": 403, "body": problem(PLAIN, "It is temporarily locked.", 403)},
        Refused("", session=SessionState.LOCKED),
        0.0,
    ),
    (
        "403, automated",
        {"status": 403, "body": problem(PLAIN, "This request looks like it might be automated.", 403)},
        Refused("", automated=True),
        0.0,
    ),
    (
        "403, permissions of the app",
        {
            "status": 403,
            "body": problem(
                PROBLEM + "oauth1-permissions", "Not configured with the oauth1 app permissions", 403
            ),
        },
        Refused("", session=SessionState.EXPIRED),
        0.0,
    ),
    (
        "403, app not enrolled",
        {
            "status": 403,
            "body": {**problem(PROBLEM + "client-forbidden", SAID, 403), "reason": "client-not-enrolled"},
        },
        Refused("", session=SessionState.EXPIRED),
        0.0,
    ),
    (
        "403, not summoned",
        {"status": 403, "body": problem(PLAIN, "Reply not allowed.", 403)},
        Refused("", permanent=True),
        0.0,
    ),
    (
        "404",
        {"status": 404, "body": problem(PROBLEM + "resource-not-found", SAID, 404)},
        Refused("", permanent=True),
        0.0,
    ),
    ("409", {"status": 409, "body": problem(PLAIN, SAID, 409)}, Refused("", permanent=True), 0.0),
    ("413", {"status": 413, "body": "too large"}, Refused(""), 0.0),
    (
        "429 with its headers",
        {"status": 429, "body": problem(PLAIN, SAID, 429), "headers": LEFT},
        Refused("", retry_after=timedelta(seconds=120)),
        0.0,
    ),
    (
        "429 for the day",
        {"status": 429, "body": problem(PLAIN, SAID, 429), "headers": DAY},
        Refused("", retry_after=timedelta(seconds=120)),
        0.0,
    ),
    (
        "429 without headers",
        {"status": 429, "body": "slow down"},
        Refused("", retry_after=timedelta(minutes=15)),
        0.0,
    ),
    (
        "429, a cap that nobody set",
        {"status": 429, "body": problem(PROBLEM + "usage-capped", "Usage cap exceeded: Monthly", 429)},
        Refused("", retry_after=timedelta(minutes=15)),
        0.0,
    ),
    (
        "302",
        {"status": 302, "body": "", "headers": {"Location": "https://elsewhere.example"}},
        Refused(""),
        0.0,
    ),
    ("500", {"status": 500, "body": problem(PROBLEM + "internal-error", SAID, 500)}, Unconfirmed(""), 0.015),
    ("502, a page", {"status": 502, "body": "<h1>Bad gateway</h1>"}, Unconfirmed(""), 0.015),
    ("503", {"status": 503, "body": problem(PLAIN, "Service Unavailable", 503)}, Unconfirmed(""), 0.015),
    ("cut off", {"cut": True}, Unconfirmed(""), 0.015),
    ("nesting", {"body": "[" * 2000}, Unconfirmed(""), 0.015),
]


def what_matters(outcome: PublishOutcome) -> object:
    match outcome:
        case Refused(permanent=permanent, retry_after=wait, session=session, automated=automated):
            near = round(wait.total_seconds(), -1) if wait is not None else None
            return "refused", permanent, near, session, automated
        case Unconfirmed(duplicate=duplicate):
            return "unconfirmed", duplicate
        case _:
            return outcome


@pytest.mark.parametrize(
    ("said", "wanted", "paid"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
async def test_every_answer_to_a_post_has_its_meaning_and_its_price(
    said: dict[str, Any], wanted: PublishOutcome, paid: float
) -> None:
    async with scripted(**said) as (server, network, purse):
        outcome = await network.publish(ACCOUNT, Publication(("A short walk is still a walk.",)))
    assert what_matters(outcome) == what_matters(wanted)
    assert len(server.sent) == 1
    assert ("x_api.post", 0.015) in purse.reserved
    assert purse.settled[-1] == ("x_api.post", paid)
    if isinstance(outcome, Refused | Unconfirmed):
        assert outcome.reason.endswith(".")


async def test_a_server_that_is_not_there_is_no_post_and_costs_nothing() -> None:
    async with scripted() as (_, network, purse):
        await network.session(ACCOUNT)
    outcome = await network.publish(ACCOUNT, Publication(("Into the void",)))
    assert isinstance(outcome, Refused)
    assert not outcome.permanent
    assert purse.settled[-1] == ("x_api.post", 0.0)


async def test_a_link_makes_a_post_dear_and_a_summoned_reply_is_cheap() -> None:
    async with scripted() as (_, network, purse):
        await network.publish(ACCOUNT, Publication(("Read https://example.com/a",)))
        await network.publish(ACCOUNT, Publication(("So do I",), reply_to="5", reply_to_author="ann"))
    assert ("x_api.post", 0.20) in purse.settled
    assert ("x_api.reply", 0.010) in purse.settled


async def test_a_call_that_x_would_refuse_is_not_made_until_its_window_ends() -> None:
    async with scripted(headers=LEFT) as (server, network, _):
        assert isinstance(await network.publish(ACCOUNT, Publication(("One",))), Posted)
        outcome = await network.publish(ACCOUNT, Publication(("Two",)))
    assert isinstance(outcome, Refused)
    assert outcome.retry_after is not None
    assert 100 < outcome.retry_after.total_seconds() <= 121
    assert len(server.sent) == 1


async def test_a_call_that_the_budget_does_not_cover_is_not_made() -> None:
    class Empty(Purse):
        async def reserve_price(self, account_id: str, what: str, usd: float) -> Any:
            if what == "x_api.post":
                raise NotTried("The budget is used up.", retry_after=timedelta(hours=3))
            return await super().reserve_price(account_id, what, usd)

    async with scripted() as (server, _, __):
        network = x_api_at(server.url, "token", SystemClock(), purse=Empty())
        outcome = await network.publish(ACCOUNT, Publication(("Dear",)))
    assert outcome == Refused("The budget is used up.", retry_after=timedelta(hours=3))
    assert server.sent == []


def timeline(*ids: str) -> dict[str, Any]:
    meta = {"result_count": len(ids)}
    return {"data": [{"id": one, "text": "x", "author_id": "7"} for one in ids], "meta": meta}


async def test_what_is_read_twice_in_a_day_is_paid_once() -> None:
    async with scripted(timelines=[timeline("1", "2"), timeline("1", "2", "3")]) as (_, network, purse):
        await network.own_posts(ACCOUNT)
        await network.own_posts(ACCOUNT)
    paid = [round(usd, 4) for what, usd in purse.settled if what == "x_api.own_posts"]
    assert paid == [0.002, 0.001]


async def test_errors_about_other_things_leave_a_read_whole_and_errors_of_its_own_do_not() -> None:
    gone = {"errors": [problem(PROBLEM + "resource-not-found", "a quoted post is gone", 404)]}
    broken = {"errors": [problem(PROBLEM + "field-hydration-failure", "half of it", 500)]}
    async with scripted(timelines=[timeline("1") | gone, timeline("1") | broken]) as (_, network, __):
        assert (await network.own_posts(ACCOUNT)).complete
        assert not (await network.own_posts(ACCOUNT)).complete


async def test_a_read_with_errors_alone_is_not_empty() -> None:
    broken = {"errors": [problem(PROBLEM + "internal-error", "half of it", 500)]}
    async with scripted(timelines=[broken]) as (_, network, __):
        with pytest.raises(Transient):
            await network.own_posts(ACCOUNT)


async def test_a_clock_that_is_wrong_is_said_to_be_and_no_token_is_believed_to_be_revoked() -> None:
    past = format_datetime(datetime.now(UTC) - timedelta(hours=1))
    said = {"status": 401, "body": problem(PLAIN, "Unauthorized", 401), "headers": {"Date": past}}
    async with scripted(**said) as (_, network, __):
        outcome = await network.publish(ACCOUNT, Publication(("Late",)))
    assert isinstance(outcome, Refused)
    assert "clock is off by 60 minutes" in outcome.reason
    assert outcome.session is None


async def test_tokens_of_somebody_else_are_told() -> None:
    async with scripted() as (_, network, __):
        with pytest.raises(SessionTrouble, match="those of @me and not of @you"):
            await network.own_posts(Account("x_api:you", "x_api", "you"))
