"""The browser on the pages: its state, what was kept of failed operations, and their pictures."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from stonechat.core.json_values import plain
from stonechat.dashboard.api_models import READING_REFUSALS
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.pages import Pages


def browser_routes(pages: Pages, data: DashboardData) -> APIRouter:
    """``/api/browser``, ``/api/evidence``, and the pictures; all of it behind the guard."""
    router = APIRouter()

    @router.get("/api/browser", tags=["api"], responses=READING_REFUSALS)
    async def browser() -> Response:
        """The pool, and the last failures of this host. Durations are seconds of real time."""
        return JSONResponse(await browser_said(data))

    @router.get("/api/evidence", tags=["api"], responses=READING_REFUSALS)
    async def evidence(run_id: str = "", content_id: str = "", limit: int = 20) -> Response:
        """What was kept of failed operations; where asked, of one run or one piece of content."""
        found = await data.failures(run_id=run_id, content_id=content_id, limit=max(1, min(limit, 50)))
        return JSONResponse(plain(found))

    @router.get("/evidence/{name}.jpg", include_in_schema=False)
    async def picture(request: Request, name: str) -> Response:
        path = data.evidence.picture(name) if data.evidence is not None else None
        if path is None:
            return pages.render(request, "missing.html", 404)
        return FileResponse(path, media_type="image/jpeg")

    return router


async def browser_said(data: DashboardData) -> dict[str, Any]:
    """The pool's health and the newest failures, in terms of JSON."""
    health = data.pool()
    said: dict[str, Any] = plain(health)
    said["queue_depth"] = health.queue_depth
    said["evidence"] = (
        health.evidence.name if health.evidence is not None else None
    )  # no path of this machine
    said["failures"] = plain(await data.failures(limit=10))
    return said
