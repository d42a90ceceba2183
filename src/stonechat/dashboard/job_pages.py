"""What runs by itself, on the pages and as JSON: each job with its latest runs, each run with its steps."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from stonechat.core.errors import NotFound
from stonechat.core.json_values import plain
from stonechat.dashboard.api_models import READING_REFUSALS, REFUSALS
from stonechat.dashboard.page_data import DashboardData, NotOpen
from stonechat.dashboard.pages import Pages
from stonechat.jobs import JobOperations

SHOWN = 100
"""Runs on the page of a job."""


def job_routes(pages: Pages) -> APIRouter:
    """``/jobs/{job}`` and ``/runs/{run}``; the same below ``/api``."""
    router = APIRouter()
    data = pages.data

    @router.get("/jobs/{job}", include_in_schema=False)
    async def job(request: Request, job: str) -> Response:
        lines = [line for line in await data.jobs() if line.name == job]
        if not lines:
            return pages.render(request, "missing.html", 404)
        runs = await _operations(data).history(job, limit=SHOWN)
        times = await data.run_times()
        return pages.render(request, "job.html", job=job, lines=lines, runs=runs, times=times)

    @router.get("/runs/{run_id:path}", include_in_schema=False)
    async def run(request: Request, run_id: str) -> Response:
        found = await _operations(data).show(run_id)
        if found is None:
            return pages.render(request, "missing.html", 404)
        row, steps = found
        failures = await data.failures(run_id=run_id)
        troubled = row.error or any(step.error for step in steps)
        elsewhere = data.elsewhere(row.host) if troubled else ""
        return pages.render(request, "run.html", run=row, steps=steps, failures=failures, elsewhere=elsewhere)

    @router.get("/api/jobs", tags=["api"], responses=READING_REFUSALS)
    async def jobs() -> Response:
        """Every job and account."""
        return JSONResponse(plain(await data.jobs()))

    @router.get("/api/jobs/{job}/runs", tags=["api"], responses=READING_REFUSALS)
    async def runs(job: str, limit: int = 20) -> Response:
        """The latest runs of a job, newest first."""
        found = await _operations(data).history(job, limit=max(1, min(limit, 1000)))
        return JSONResponse(plain(found))

    @router.get("/api/runs/{run_id:path}", tags=["api"], responses=READING_REFUSALS | {404: REFUSALS[404]})
    async def run_as_json(run_id: str) -> Response:
        """One run: its row, its steps, and what the browser showed when something failed in it."""
        found = await _operations(data).show(run_id)
        if found is None:
            raise NotFound(f"There is no run {run_id[:100]}.")
        said: dict[str, Any] = {"run": found[0], "steps": found[1]}
        return JSONResponse(plain(said | {"evidence": await data.failures(run_id=run_id)}))

    return router


def _operations(data: DashboardData) -> JobOperations:
    if data.runner is None:
        raise NotOpen("jobs")
    return data.runner.operations
