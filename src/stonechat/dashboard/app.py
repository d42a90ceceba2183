"""The web application: health, pages, their parts, actions, and the JSON API, behind one guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from stonechat import __version__
from stonechat.core.errors import StonechatError
from stonechat.dashboard.actions import action_routes
from stonechat.dashboard.api import api_routes
from stonechat.dashboard.browser_pages import browser_routes
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.guard import Guard, comes_from_us
from stonechat.dashboard.health import health_routes
from stonechat.dashboard.job_pages import job_routes
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.dashboard.pages import Pages, page_routes
from stonechat.dashboard.pictures import picture_routes

HERE = Path(__file__).parent
OPEN_PATHS = ("/livez", "/readyz", "/startupz", "/health", "/status", "/metrics", "/login", "/static/")
"""Need no log-in: strangers are told states there, and no more."""

CSP = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(data: DashboardData, guard: Guard, changes: Changes) -> FastAPI:
    """The application; ``data`` may be connected to the rest later."""
    app = FastAPI(title="Stonechat", version=__version__, docs_url=None, redoc_url=None)
    pages = Pages(data, guard)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(health_routes(data, guard))
    app.include_router(page_routes(pages, changes))
    app.include_router(job_routes(pages))
    app.include_router(action_routes(pages, changes))
    app.include_router(api_routes(data))
    app.include_router(browser_routes(pages, data))
    app.include_router(picture_routes(pages))

    @app.middleware("http")
    async def guarded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = _refusal(request, guard)
        response = refusal if refusal is not None else await call(request)
        for name, value in HEADERS.items():
            if name != "Cache-Control" or not request.url.path.startswith("/static/"):
                response.headers.setdefault(name, value)
        return response

    @app.exception_handler(NotOpen)
    async def not_open(request: Request, error: Exception) -> Response:
        if _wants_json(request):
            return JSONResponse({"error": f"{error} is not open yet"}, 503)
        return pages.waiting(request, str(error))

    @app.exception_handler(StonechatError)
    async def trouble(request: Request, error: Exception) -> Response:
        assert isinstance(error, StonechatError)  # noqa: S101 - registered for it
        if _wants_json(request):
            body = {"error": error.what, "meaning": error.meaning, "remedy": error.remedy}
            return JSONResponse(body, 503)
        return pages.trouble(request, error)

    return app


def create_health_app(data: DashboardData) -> FastAPI:
    """Health and metrics alone, for a host that only works."""
    app = FastAPI(title="Stonechat", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(health_routes(data, Guard(None, data.clock)))
    return app


def _refusal(request: Request, guard: Guard) -> Response | None:
    if request.method not in ("GET", "HEAD", "OPTIONS") and not comes_from_us(request):
        return JSONResponse({"error": "this request comes from another site"}, 403)
    path = request.url.path
    if any(path == free or (free.endswith("/") and path.startswith(free)) for free in OPEN_PATHS):
        return None
    if guard.visitor(request) is not None:
        return None
    if guard.needs_login:
        if _wants_json(request) or request.headers.get("hx-request"):
            return JSONResponse({"error": "log in first"}, 401, headers={"HX-Redirect": "/login"})
        return RedirectResponse("/login", 303)
    why = "Set DASHBOARD_PASSWORD to reach the pages from elsewhere; without it only this machine may."
    return JSONResponse({"error": why}, 403)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")
