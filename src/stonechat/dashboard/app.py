"""The web application: health, pages, their parts, actions, and the JSON API, behind one guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from stonechat import __version__
from stonechat.core.errors import Conflict, NotFound, Permanent, StonechatError
from stonechat.dashboard.actions import action_routes
from stonechat.dashboard.api import api_routes
from stonechat.dashboard.api_actions import api_actions
from stonechat.dashboard.body_limit import BodyLimit
from stonechat.dashboard.browser_pages import browser_routes
from stonechat.dashboard.changes import Changes
from stonechat.dashboard.desk_pages import desk_routes
from stonechat.dashboard.doors import Doors
from stonechat.dashboard.frame import keep_choices
from stonechat.dashboard.guard import Guard, comes_from_us
from stonechat.dashboard.health import health_routes
from stonechat.dashboard.job_pages import job_routes
from stonechat.dashboard.log_in_limit import LogInLimit
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.dashboard.pages import Pages, page_routes
from stonechat.dashboard.pictures import picture_routes
from stonechat.dashboard.token_pages import token_routes
from stonechat.dashboard.tokens import shown_token, visitor_with
from stonechat.database.connection.text_sanitizing import storable

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


def create_app(data: DashboardData, guard: Guard, changes: Changes, *, metrics_token: str = "") -> FastAPI:
    """The application; ``data`` may be connected to the rest later."""
    app = FastAPI(title="Stonechat", version=__version__, docs_url=None, redoc_url=None)
    app.add_middleware(BodyLimit)
    pages = Pages(data, guard)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(health_routes(data, guard, metrics_token))
    app.include_router(page_routes(pages, changes))
    app.include_router(job_routes(pages))
    app.include_router(desk_routes(pages))
    doors = Doors(data, changes)
    app.include_router(action_routes(pages, doors))
    app.include_router(api_actions(guard, doors))
    app.include_router(token_routes(pages, doors))
    app.include_router(api_routes(data))
    app.include_router(browser_routes(pages, data))
    app.include_router(picture_routes(pages))

    @app.middleware("http")
    async def guarded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = await _agent(request, data) or _refusal(request, guard)
        if refusal is None and is_page(request) and guard.visitor(request) is not None:
            request.state.frame = await pages.frame(request)
        response = refusal if refusal is not None else await call(request)
        if is_page(request):
            keep_choices(request, response)
        return _guarded(request, response)

    app.add_middleware(LogInLimit, guard=guard)  # the last one added is asked first
    _tell_errors(app, pages)
    return app


def _tell_errors(app: FastAPI, pages: Pages) -> None:
    """Errors as JSON below ``/api``, as a page elsewhere; each with the status that says whose turn it is."""

    @app.exception_handler(NotOpen)
    async def not_open(request: Request, error: Exception) -> Response:
        if _wants_json(request):
            return _refused(503, f"{error} is not open yet")
        return pages.waiting(request, str(error))

    @app.exception_handler(StonechatError)
    async def trouble(request: Request, error: Exception) -> Response:
        assert isinstance(error, StonechatError)  # noqa: S101 - registered for it
        status = _status_of(error)
        if _wants_json(request):
            return _refused(status, error.what, error.meaning, error.remedy)
        return pages.trouble(request, error, status)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        # what was given is not repeated: it may hold anything
        faults = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()]
        return _refused(
            422, f"That cannot be read. {storable('; '.join(faults))[:500]}", "Nothing was changed."
        )

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # whoever asked has left, or took too long; nobody reads this

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        """An error of ours: it goes to the log with its traceback, and nothing of it to whoever asked."""
        what, remedy = "An error that nobody expected; what was asked for was undone.", "See the log."
        if _wants_json(request):
            return _refused(500, what, remedy=remedy)
        return pages.trouble(request, Permanent(what, remedy=remedy), 500)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if _wants_json(request):
            return _refused(error.status_code, str(error.detail), headers=error.headers)
        if error.status_code == HTTPStatus.NOT_FOUND and is_page(request):
            return pages.render(request, "missing.html", 404)
        return await http_exception_handler(request, error)


def _status_of(error: StonechatError) -> int:
    match error:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case Permanent():
            return 422
        case _:
            return 503


def _refused(
    status: int, what: str, meaning: str = "", remedy: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"error": what, "meaning": meaning, "remedy": remedy}, status, headers=headers)


def create_health_app(data: DashboardData, guard: Guard, *, metrics_token: str = "") -> FastAPI:
    """Health and metrics alone, for a host that only works; to strangers it says what the pages would."""
    app = FastAPI(title="Stonechat", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(BodyLimit)
    app.include_router(health_routes(data, guard, metrics_token))

    @app.middleware("http")
    async def guarded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        return _guarded(request, await call(request))

    return app


def _guarded(request: Request, response: Response) -> Response:
    """The answer with what it tells a browser to refuse."""
    for name, value in HEADERS.items():
        if name != "Cache-Control" or not request.scope["path"].startswith("/static/"):
            response.headers.setdefault(name, value)
    return response


async def _agent(request: Request, data: DashboardData) -> Response | None:
    """Note who comes with a token of the API; what is to be said where it may not do this."""
    shown = shown_token(request)
    if not shown:
        return None
    try:
        request.state.agent = await visitor_with(request, data, shown)
    except NotOpen as error:
        return _refused(503, f"{error} is not open yet")
    except StonechatError as error:
        status = 401 if isinstance(error, NotFound) else 403 if isinstance(error, Permanent) else 503
        return _refused(status, error.what, error.meaning, error.remedy)
    return None


def _refusal(request: Request, guard: Guard) -> Response | None:
    if request.method not in ("GET", "HEAD", "OPTIONS") and not comes_from_us(request):
        return _refused(403, "this request comes from another site")
    path = request.scope["path"]  # what the router matches; an address is built from the Host header
    if any(path == free or (free.endswith("/") and path.startswith(free)) for free in OPEN_PATHS):
        return None
    if guard.visitor(request) is not None:
        return None
    if guard.needs_login:
        if _wants_json(request) or request.headers.get("hx-request"):
            return _refused(401, "log in first", headers={"HX-Redirect": "/login"})
        return RedirectResponse("/login", 303)
    why = "Set DASHBOARD_PASSWORD to reach the pages from elsewhere; without it only this machine may."
    return _refused(403, why)


def is_page(request: Request) -> bool:
    """Whether somebody looks at it in a browser: no file, no health, no JSON."""
    path = str(request.scope["path"])
    return not path.startswith(("/api/", "/static/", "/pictures/", "/evidence/", "/changes")) and (
        path == "/login" or path not in OPEN_PATHS
    )


def _wants_json(request: Request) -> bool:
    return str(request.scope["path"]).startswith("/api/")
