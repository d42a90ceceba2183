"""Too many passwords are turned away before anything dear is done for them: a form read, a page drawn."""

from __future__ import annotations

from fastapi.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stonechat.dashboard.guard import TRY_PERIOD, WAITING, Guard


class LogInLimit:
    """Answers 429 to passwords that the guard would not look at now, and to more than a few at a time."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything else on."""
        if scope["type"] != "http" or scope["path"] != "/login" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        source = scope["client"][0] if scope["client"] else ""
        if self._under_way >= WAITING or self._guard.refuses(source):
            wait = {"Retry-After": str(int(TRY_PERIOD.total_seconds()))}
            said = "Too many passwords were tried lately. Try again in a minute.\n"
            return await PlainTextResponse(said, 429, wait)(scope, receive, send)
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
