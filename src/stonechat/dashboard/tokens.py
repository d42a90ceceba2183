"""Who comes with a token of the API: what it may do, asked before anything else is."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request

from stonechat.core.errors import NotFound, Permanent
from stonechat.dashboard.guard import Visitor
from stonechat.dashboard.page_data import DashboardData
from stonechat.database.repositories import tokens
from stonechat.owner.tokens import PREFIX, digest_of

NOTED_EVERY = timedelta(hours=1)
"""How exactly it is known when a token was last used."""

_DRAFTING = frozenset({"/api/queue", "/api/preview"})
_DECIDING = ("/api/queue/", "/api/reserve/", "/api/authors/")


def shown_token(request: Request) -> str:
    """The token that a request for the API shows; empty where it shows none of ours."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    is_ours = scheme.casefold() == "bearer" and shown.startswith(PREFIX)
    return shown if is_ours and str(request.scope["path"]).startswith("/api/") else ""


def scope_needed(method: str, path: str) -> str | None:
    """The scope that a request needs; None where no token may: tokens make no tokens."""
    if path.startswith("/api/tokens"):
        return None
    if method in ("GET", "HEAD", "OPTIONS"):
        return "read"
    if path in _DRAFTING:
        return "draft"
    return "approve" if path.startswith(_DECIDING) else "operate"


async def visitor_with(request: Request, data: DashboardData, shown: str) -> Visitor:
    """Who shows this token.

    Raises:
        NotFound: it opens nothing, or no more.
        Permanent: it may not do this.
        Transient: the database does not answer.
    """
    now = data.clock.now()
    async with data.open_database().read("dashboard.token") as connection:
        row = await tokens.with_digest(connection, digest_of(shown))
    if row is None:
        raise NotFound(
            "This token opens nothing, or was revoked.",
            meaning="Nothing was done.",
            remedy="`stonechat tokens create` makes another.",
        )
    needed = scope_needed(request.method, str(request.scope["path"]))
    if needed is None or needed not in row.scopes:
        may = f"it lacks the scope {needed}" if needed else "no token may"
        raise Permanent(
            f"The token {row.name!r} may not do this: {may}.",
            meaning="Nothing was done.",
            remedy=f"Make one with --scope {needed}." if needed else "Do it yourself, on the pages.",
        )
    if row.used_at is None or now - row.used_at >= NOTED_EVERY:
        async with data.open_database().begin("dashboard.token.used") as connection:
            await tokens.used(connection, row.id, now)
    return Visitor(row.name, holds_drafts="approve" not in row.scopes)
