"""X's website: pages behind the session cookies, the log-in before them, and the walls in their place."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from stonechat_aviary.accounts import Session, renewed_ct0
from stonechat_aviary.door import Door
from stonechat_aviary.faults import disturb
from stonechat_aviary.pages import Pages

_ROOMS = frozenset({"home", "explore", "compose", "search", "notifications"})


class Site:
    """The handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._pages = Pages()

    def routes(self) -> list[web.RouteDef]:
        """All routes; the last one catches every other path, so add these after all others."""
        return [
            web.get("/static/site.js", self._script),
            web.get("/static/site.css", self._style),
            web.get("/static/avatar.png", self._empty),
            web.get("/static/banner.png", self._empty),
            web.get("/media/{name}", self._picture),
            web.get("/favicon.ico", self._empty),
            web.get("/i/flow/login", self._login),
            web.post("/i/flow/login", self._log_in),
            web.get("/account/access", self._access),
            web.get("/{path:.+}", self.page),
        ]

    # ---------------------------------------------------------------- pages

    async def page(self, request: web.Request) -> web.Response:
        """Any page of a logged-in account, or the wall that stands before it."""
        door = self._door
        door.requests["page"] += 1
        account = door.account(request)
        if account is None:
            raise web.HTTPFound(f"/i/flow/login?redirect_after_login={quote(request.path_qs)}")
        levers = door.panel.of(account.handle)
        disturbed = await disturb(levers, door.world.seed, door.requests.total())
        if disturbed is not None:
            return _html(self._pages.failed(), status=disturbed.status)
        if levers.locked or levers.challenged:
            raise web.HTTPFound("/account/access")
        if levers.suspended:
            return _html(self._pages.suspended())
        if not self._exists(request.path):
            return _html(self._pages.nothing_here(), status=404)
        wall = levers.consent_wall and "d_prefs" not in request.cookies
        response = _html(self._pages.shell(account, request.path, levers, consent_wall=wall))
        if levers.renew_ct0:
            levers.renew_ct0 = False
            response.set_cookie("ct0", renewed_ct0(request.cookies["ct0"]), path="/")
        return response

    async def _login(self, request: web.Request) -> web.Response:
        return _html(self._pages.login())

    async def _log_in(self, request: web.Request) -> web.Response:
        form = await request.post()
        session = self._door.sessions.log_in(str(form.get("text", "")), str(form.get("password", "")))
        if session is None:
            return _html(self._pages.login(wrong=True))
        target = request.query.get("redirect_after_login", "/home")
        response = web.HTTPSeeOther(target if target.startswith("/") else "/home")
        _hand_out(response, session)
        return response

    async def _access(self, request: web.Request) -> web.Response:
        account = self._door.sessions.account(request.cookies.get("auth_token", ""))
        if account is None:
            raise web.HTTPFound("/i/flow/login")
        levers = self._door.panel.of(account.handle)
        if levers.challenged:
            return _html(self._pages.challenged())
        if levers.locked:
            return _html(self._pages.locked())
        raise web.HTTPFound("/home")

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=self._pages.script, content_type="text/javascript", headers=_KEEP)

    async def _style(self, request: web.Request) -> web.Response:
        return web.Response(text=self._pages.style, content_type="text/css", headers=_KEEP)

    async def _empty(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _picture(self, request: web.Request) -> web.Response:
        """Every picture looks the same: nobody here looks at them."""
        return web.Response(text=_GREY, content_type="image/svg+xml", headers=_KEEP)

    def _exists(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        return parts[0] in _ROOMS or self._door.world.author(parts[0]) is not None


_GREY = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120">'
    '<rect width="160" height="120" fill="#cfd9de"/><circle cx="110" cy="40" r="16" fill="#f6f8fa"/>'
    '<path d="M0 120 60 60 100 95 125 75 160 120Z" fill="#8899a6"/></svg>'
)
_KEEP = {"Cache-Control": "public, max-age=86400"}


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type="text/html", status=status)


def _hand_out(response: web.StreamResponse, session: Session) -> None:
    response.set_cookie("auth_token", session.auth_token, path="/", httponly=True, samesite="Lax")
    response.set_cookie("ct0", session.ct0, path="/", samesite="Lax")
