"""The health server: for platforms (``/livez`` …), for people and tools (``/health``, ``/status``).

Whoever may see the pages is told causes, addresses and numbers; everybody else is told states, and no more.
"""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from stonechat.core.states import LayerState
from stonechat.dashboard.guard import Guard
from stonechat.dashboard.page_data import DashboardData
from stonechat.database import Database
from stonechat.database.connection.latency import Latency
from stonechat.monitoring import LayerHealth

UNWELL = 503
_BOTH = ["GET", "HEAD"]
_UNWELL: dict[int | str, dict[str, Any]] = {UNWELL: {"description": "Not yet, or not any more."}}
_FOR_SOME: dict[int | str, dict[str, Any]] = {401: {"description": "Neither a log-in nor the token."}}


def health_routes(data: DashboardData, guard: Guard, metrics_token: str = "") -> APIRouter:
    """None of these waits for a check: they tell what the board knows.

    Args:
        metrics_token: whoever shows it may read ``/metrics`` without a log-in, and nothing else.
    """
    router = APIRouter(tags=["health"])

    @router.api_route("/livez", methods=_BOTH, operation_id="livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """The event loop turns. Nothing else is asked: a lost database is no reason to be restarted."""
        return PlainTextResponse("ok\n")

    @router.api_route("/startupz", methods=_BOTH, operation_id="startupz", responses=_UNWELL)
    async def startupz(request: Request) -> Response:
        """Whether the start is over, and what each step took."""
        body = boot(data) if guard.visitor(request) is not None else {"started": data.ready()}
        return JSONResponse(body, 200 if data.ready() else UNWELL)

    @router.api_route("/readyz", methods=_BOTH, operation_id="readyz", responses=_UNWELL)
    async def readyz(request: Request) -> Response:
        """Wired, and the database answers."""
        database = data.board.layer("database")
        ready = data.ready() and database.state is not LayerState.DOWN
        why = "" if ready else (database.cause if data.ready() else "still starting")
        body = {"ready": ready} | ({"why": why} if guard.visitor(request) is not None else {})
        return JSONResponse(body, 200 if ready else UNWELL)

    @router.api_route("/health", methods=_BOTH, operation_id="health", responses=_UNWELL)
    async def health(request: Request) -> Response:
        """The verdict: 503 where something is down."""
        verdict = data.board.verdict()
        body = states(data)
        if guard.visitor(request) is not None:
            body |= {
                "verdict": verdict.sentence,
                "root": verdict.root or None,
                "affected": list(verdict.affected),
                "since": verdict.since.isoformat(),
            }
        return JSONResponse(body, UNWELL if verdict.state is LayerState.DOWN else 200)

    @router.api_route("/status", methods=_BOTH, operation_id="status")
    async def status(request: Request) -> Response:
        """Every layer with its state, since when and why."""
        return JSONResponse(deep_status(data) if guard.visitor(request) is not None else states(data))

    @router.get("/metrics", response_class=PlainTextResponse, responses=_FOR_SOME)
    async def meters(request: Request) -> Response:
        """For Prometheus: with a log-in, or with METRICS_TOKEN as `Authorization: Bearer …`."""
        if guard.visitor(request) is None and not _bears(request, metrics_token):
            return PlainTextResponse("# Log in first: numbers and names are not for everybody.\n", 401)
        return Response(data.meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _bears(request: Request, token: str) -> bool:
    """Whether the request shows the token, compared in constant time."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    return (
        bool(token) and scheme.casefold() == "bearer" and hmac.compare_digest(shown.encode(), token.encode())
    )


def states(data: DashboardData) -> dict[str, Any]:
    """The state of the whole and of each layer."""
    layers = {health.layer: health.state.value for health in data.board.layers()}
    return {"state": data.board.verdict().state.value, "layers": layers}


def boot(data: DashboardData) -> dict[str, Any]:
    """The boot steps with their times in seconds of real time."""
    return {
        "started": data.ready(),
        "steps": [
            {
                "name": step.name,
                "seconds": round(step.took.total_seconds(), 3) if step.took is not None else None,
                "detail": step.detail,
            }
            for step in data.steps()
        ],
    }


def deep_status(data: DashboardData) -> dict[str, Any]:
    """The verdict, every layer and part, the breakers, the boot."""
    verdict = data.board.verdict()
    return {
        "mode": data.mode,
        "now": data.clock.now().isoformat(),
        "clock_speed": data.clock.speed,
        "state": verdict.state.value,
        "verdict": verdict.sentence,
        "root": verdict.root or None,
        "layers": [part(health) for health in data.board.layers()],
        "parts": [part(health) for health in data.board.parts()[10:]],
        "breakers": [
            {
                "name": one.name,
                "state": one.state.value,
                "since": one.since.isoformat(),
                "why": one.why,
                "failures": one.failures,
                "calls": one.calls,
                "rejected": one.rejected,
            }
            for one in data.breaker_status()
        ],
        "database": connections(data.database),
        "startup": boot(data),
    }


def connections(database: Database | None) -> dict[str, Any] | None:
    """The connection pool: its size, who waits for how long, who holds a connection since when and where; and
    how fast the database answers."""
    if database is None:
        return None
    pool = database.pool()
    late = pool.held_too_long(database.hold_limit)
    return {
        "address": database.url,
        "size": pool.size,
        "in_use": pool.in_use,
        "waiting": pool.waiting,
        "waiting_longest_s": round(pool.waiting_longest.total_seconds(), 3),
        "taken": pool.waits,
        "waited_s": round(pool.waited.total_seconds(), 3),
        "asked_again": pool.repeated,
        "hold_limit_s": database.hold_limit.total_seconds(),
        "holders": [
            {
                "task": holder.task,
                "job": holder.job or None,
                "since": holder.since.isoformat(),
                "where": holder.where,
                "held_s": round(holder.held.total_seconds(), 3),
                "too_long": holder in late,
            }
            for holder in pool.holders
        ],
        "pace": _latency(database.latency()),
    }


def _latency(latency: Latency) -> dict[str, Any]:
    """The last minute's transactions, and the slowest of them."""
    return {
        "slow_from_s": latency.limit.total_seconds(),
        "transactions": latency.transactions,
        "slow": latency.slow,
        "overloaded": latency.overloaded,
        "slowest": [
            {
                "task": slow.task,
                "job": slow.job or None,
                "took_s": round(slow.took.total_seconds(), 3),
                "at": slow.at.isoformat(),
                "where": slow.where,
            }
            for slow in latency.slowest
        ],
    }


def part(health: LayerHealth) -> dict[str, Any]:
    """One layer as JSON."""
    return {
        "name": health.layer,
        "state": health.state.value,
        "since": health.since.isoformat(),
        "cause": health.cause,
        "paused": health.paused,
        "detail": health.detail,
        "checked_at": health.checked_at.isoformat() if health.checked_at else None,
    }
