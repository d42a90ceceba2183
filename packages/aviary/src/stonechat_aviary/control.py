"""The world's back door under ``/aviary``: ledger, truth, clock, levers, inbox, and pages for people."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from typing import Any

from aiohttp import web

from stonechat_aviary.door import Door
from stonechat_aviary.worldtime import iso

_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86_400.0}


class Control:
    """The handlers of the back door. Nothing here is part of the imitated site."""

    def __init__(self, door: Door) -> None:
        self.world = door.world
        self.panel = door.panel
        self._door = door
        self._inbox: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        """All routes of the back door, and the front page."""
        return [
            web.get("/", self.front),
            web.get("/aviary/pages/timeline", self.timeline),
            web.get("/aviary/ledger", self.ledger),
            web.get("/aviary/ledger/served", self.served),
            web.get("/aviary/truth", self.truth),
            web.get("/aviary/stats", self.stats),
            web.get("/aviary/clock", self.clock),
            web.post("/aviary/clock", self.advance),
            web.get("/aviary/levers", self.levers),
            web.post("/aviary/levers", self.move_levers),
            web.post("/aviary/levers/reset", self.reset_levers),
            web.post("/aviary/edit", self.edit),
            web.post("/aviary/sessions", self.new_session),
            web.post("/aviary/sessions/end", self.end_sessions),
            web.get("/aviary/inbox", self.inbox),
            web.post("/aviary/inbox", self.receive),
            web.delete("/aviary/inbox", self.empty_inbox),
        ]

    # ---------------------------------------------------------------- evidence

    async def ledger(self, request: web.Request) -> web.Response:
        """Every accepted post of our accounts, oldest first; ``?author=`` narrows it."""
        author = request.query.get("author", "").lower()
        posts = [
            asdict(entry)
            | {"at": iso(entry.at), "at_unix": entry.at, "in_thread_of": entry.conversation or None}
            for entry in self.world.ledger
            if not author or entry.author.lower() == author
        ]
        return web.json_response({"now": iso(self.world.now()), "posts": posts})

    async def served(self, request: web.Request) -> web.Response:
        """Every distinct set of counts shown to a reader: of ``?post=ID``, or of all posts."""
        wanted = request.query.get("post")
        ids = (wanted,) if wanted else self.world.ledger.served_posts()
        found = {
            post: [
                served.as_json() | {"first": iso(served.first), "last": iso(served.last)}
                for served in self.world.ledger.served(post)
            ]
            for post in ids
        }
        return web.json_response({"post": wanted, "served": found[wanted]} if wanted else {"served": found})

    async def truth(self, request: web.Request) -> web.Response:
        """What the audience likes. For benchmarks; the product never asks."""
        return web.json_response(self.world.truth.as_json())

    async def stats(self, request: web.Request) -> web.Response:
        """Time, followers and numbers of posts and requests."""
        now = self.world.now()
        accounts = {
            account.handle: {
                "followers": self.world.followers(account.handle, now),
                "posts": sum(
                    1 for e in self.world.ledger if e.author == account.handle and not e.in_reply_to
                ),
                "replies": sum(1 for e in self.world.ledger if e.author == account.handle and e.in_reply_to),
                "mentions": len(self.world.mentions(account.handle, now)),
            }
            for account in self.world.accounts.values()
        }
        first = next(iter(accounts.values()))
        return web.json_response(
            {
                "now": iso(now),
                "speed": self.world.clock.speed,
                **first,
                "accounts": accounts,
                "requests": dict(self._door.requests),
            }
        )

    # ---------------------------------------------------------------- levers

    async def clock(self, request: web.Request) -> web.Response:
        """World time, and how it runs."""
        clock = self.world.clock
        return web.json_response(
            {
                "now": iso(clock.now()),
                "now_unix": clock.now(),
                "speed": clock.speed,
                "epoch": iso(clock.epoch),
                "origin": clock.origin,
            }
        )

    async def advance(self, request: web.Request) -> web.Response:
        """Move world time on by ``{"hours": 2}`` (seconds, minutes, hours, days)."""
        body = await _fields(request)
        if unknown := set(body) - set(_UNITS):
            return _wrong(f"unknown unit {sorted(unknown)[0]}; known: {', '.join(_UNITS)}")
        self.world.clock.advance(sum(_UNITS[unit] * float(number) for unit, number in body.items()))
        return await self.clock(request)

    async def levers(self, request: web.Request) -> web.Response:
        """How every lever stands."""
        return web.json_response(self.panel.as_json())

    async def move_levers(self, request: web.Request) -> web.Response:
        """Move levers: ``{"locked": true}``, with ``"account"`` for one account, ``"reset"`` for all off,
        ``"unkind"`` for all in which X is unkind."""
        body = await _fields(request)
        if body.pop("reset", False):
            self.panel.reset()
        if body.pop("unkind", False):
            self.panel.be_unkind()
        try:
            self.panel.set(body, body.pop("account", None) or request.query.get("account"))
        except (ValueError, TypeError) as problem:
            return _wrong(str(problem))
        return await self.levers(request)

    async def reset_levers(self, request: web.Request) -> web.Response:
        """Switch every fault off."""
        self.panel.reset()
        return await self.levers(request)

    async def edit(self, request: web.Request) -> web.Response:
        """Edit a post by hand: ``{"post": id, "text": "..."}``; the newer version has an id of its own."""
        body = await _fields(request)
        newer = self.world.edit(str(body.get("post", "")), str(body.get("text", "")))
        if newer is None:
            return _wrong(f"no post {body.get('post')!r} of ours")
        return web.json_response({"id": newer.id, "versions": newer.versions})

    # ---------------------------------------------------------------- sessions

    async def new_session(self, request: web.Request) -> web.Response:
        """A new session for ``{"account": handle}``, as its owner would export it after logging in."""
        handle = str((await _fields(request)).get("account", ""))
        if handle.lower() not in self.world.accounts:
            return _wrong(f"no account {handle!r}; known: {', '.join(self.world.accounts)}")
        session = self._door.sessions.issue(handle)
        return web.json_response({"account": handle, "session_b64": session.session_b64()})

    async def end_sessions(self, request: web.Request) -> web.Response:
        """End every session of ``{"account": handle}`` that was issued so far."""
        handle = str((await _fields(request)).get("account", ""))
        if handle.lower() not in self.world.accounts:
            return _wrong(f"no account {handle!r}; known: {', '.join(self.world.accounts)}")
        return web.json_response({"account": handle, "ended": self._door.sessions.end(handle)})

    # ---------------------------------------------------------------- inbox

    async def inbox(self, request: web.Request) -> web.Response:
        """Every alert received, oldest first."""
        return web.json_response({"alerts": self._inbox})

    async def receive(self, request: web.Request) -> web.Response:
        """Take an alert, as JSON, form or text."""
        alert = {
            "at": iso(self.world.clock.now()),
            "real_at": self.world.clock.real(),
            "body": await _body(request),
        }
        self._inbox.append(alert)
        return web.json_response({"received": len(self._inbox)})

    async def empty_inbox(self, request: web.Request) -> web.Response:
        """Forget all alerts."""
        self._inbox.clear()
        return web.json_response({"received": 0})

    # ---------------------------------------------------------------- pages for people

    async def front(self, request: web.Request) -> web.Response:
        """The front page: home for a logged-in browser, an explanation for a stranger."""
        if self._door.account(request) is not None:
            raise web.HTTPFound("/home")
        names = ", ".join(f"@{escape(account.handle)}" for account in self.world.accounts.values())
        body = (
            "<h1>A local social network</h1><p>This site runs on this machine only. It stands in for a real "
            "social network, with a simulated audience, while Stonechat is tried out.</p>"
            f'<p>Accounts that post here: {names}.</p><p><a class="go" href="/aviary/pages/timeline">'
            'Read what was posted</a> <a class="go" href="/aviary/inbox">Alerts</a> '
            '<a class="go" href="/aviary/ledger">Ledger</a></p>'
        )
        return _page("Local network", body)

    async def timeline(self, request: web.Request) -> web.Response:
        """Our accounts' posts with their counts, newest first, for anybody."""
        now = self.world.now()
        wanted = request.query.get("account", next(iter(self.world.accounts)))
        account = self.world.accounts.get(wanted.lower())
        if account is None:
            raise web.HTTPNotFound(text=f"no account {wanted}")
        posts = self.world.posts_of(account.handle, now, replies=True)
        items = "".join(self._card(post, now) for post in posts[:200]) or "<p>Nothing was posted yet.</p>"
        head = (
            f"<h1>{escape(account.name)}</h1><p class=muted>@{escape(account.handle)} · "
            f"{self.world.followers(account.handle, now):,} followers · {len(posts)} posts · "
            f"world time {escape(iso(now)[:16])}</p><p>{escape(account.bio)}</p>"
        )
        return _page(f"@{account.handle}", head + items, refresh=10)

    def _card(self, post: Any, now: float) -> str:
        c = self.world.counts(post, now)
        parent = self.world.post(post.in_reply_to, now) if post.in_reply_to else None
        to = (
            f"<p class=muted>Replying to @{escape(parent.author)}: {escape(parent.text[:90])}</p>"
            if parent
            else ""
        )
        views = f" · {c.views:,} views" if c.views is not None else ""
        return (
            f'<section id="p{post.id}">{to}<p class=text>{escape(post.text)}</p><p class=muted>'
            f"{escape(iso(post.at)[:16].replace('T', ' '))} · {c.replies:,} replies · "
            f"{c.reposts:,} reposts · {c.likes:,} likes · {c.bookmarks:,} bookmarks{views}</p></section>"
        )


_STYLE = (
    "body{font:17px/1.5 system-ui,sans-serif;max-width:640px;margin:40px auto;padding:0 16px;color:#1c2733;"
    "background:#f6f8fa}section{background:#fff;border:1px solid #e1e8ed;border-radius:12px;"
    "padding:12px 18px;margin:12px 0}"
    ".text{white-space:pre-wrap;margin:4px 0}.muted{color:#5b7083;font-size:14px;margin:4px 0}"
    ".go{display:inline-block;padding:6px 16px;border-radius:99px;background:#1c2733;color:#fff;"
    "text-decoration:none}"
)


def _page(title: str, body: str, refresh: int = 0) -> web.Response:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{again}'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return web.Response(text=text, content_type="text/html")


async def _body(request: web.Request) -> Any:
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return {name: str(value) for name, value in (await request.post()).items()}
    text = await request.text()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


async def _fields(request: web.Request) -> dict[str, Any]:
    body = await _body(request)
    return dict(body) if isinstance(body, dict) else {}


def _wrong(message: str) -> web.Response:
    return web.json_response({"error": message}, status=400)
