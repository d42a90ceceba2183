"""The same as the pages, as JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from stonechat.core.errors import NotFound
from stonechat.core.json_values import plain
from stonechat.dashboard import analytics_data
from stonechat.dashboard.api_models import READING_REFUSALS, REFUSALS, AuditLine
from stonechat.dashboard.health import deep_status
from stonechat.dashboard.page_data import DashboardData
from stonechat.dashboard.reading_data import analytics, harvests
from stonechat.monitoring.figures import AccountFigures


def api_routes(data: DashboardData) -> APIRouter:
    """One address for each part of the pages. Times are ISO 8601, durations seconds."""
    router = APIRouter(prefix="/api", tags=["api"], responses=READING_REFUSALS)
    _of_the_account(router, data)
    _of_reading(router, data)
    _of_the_system(router, data)
    return router


def _of_the_account(router: APIRouter, data: DashboardData) -> None:
    @router.get("/status")
    async def status() -> Response:
        """Everything that ``/status`` tells, and what happens next."""
        queue = await data.queue()
        following = plain(await data.next_actions(queue))
        return JSONResponse(deep_status(data) | {"next": following, "counts": queue.counts})

    @router.get("/queue")
    async def queue() -> Response:
        """What waits, and why."""
        return JSONResponse(plain(await data.queue()))

    @router.get("/posts")
    async def posts(limit: int = 50) -> Response:
        """The newest posts with their metrics."""
        return JSONResponse(plain(await data.posts(limit=max(1, min(limit, 500)))))

    @router.get("/rehearsals")
    async def rehearsals(limit: int = 50) -> Response:
        """What shadow mode would have posted, newest first."""
        return JSONResponse(plain(await data.rehearsals(limit=max(1, min(limit, 500)))))

    @router.get("/posts/{content_id}", responses={404: REFUSALS[404]})
    async def post(content_id: str) -> Response:
        """One post: history, every try, metrics over time."""
        found = await data.post(content_id)
        if found is None:
            raise NotFound(f"there is no content {content_id[:100]}")
        line, changes, tries, shots = found
        return JSONResponse(plain({"post": line, "history": changes, "attempts": tries, "snapshots": shots}))

    @router.get("/reserve")
    async def reserve() -> Response:
        """The drafts kept for when no model can write, in the order in which they are drawn."""
        return JSONResponse(plain(await data.reserve()))

    @router.get("/engagement")
    async def engagement(account: str | None = None) -> Response:
        """For the plot: of all accounts, or of the one with this id."""
        return JSONResponse(await analytics_data.engagement(data.open_database(), account))

    @router.get("/learning")
    async def learning() -> Response:
        """What was learned, for each account."""
        return JSONResponse(plain(await data.learning()))

    @router.get("/costs")
    async def costs() -> Response:
        """What the texts cost, and how the budgets stand."""
        return JSONResponse(plain(await data.costs()))


def _of_reading(router: APIRouter, data: DashboardData) -> None:
    @router.get("/analytics")
    async def posts_by_day() -> Response:
        """What the posts of 30 days brought by day, hour, topic and format, and how the accounts grew."""
        return JSONResponse(plain(await analytics(data)))

    @router.get("/harvesting")
    async def harvesting() -> Response:
        """Searches and what each finds, who is never answered, and the pages that were read."""
        return JSONResponse(plain(await harvests(data)))


def _of_the_system(router: APIRouter, data: DashboardData) -> None:
    @router.get("/accounts")
    async def accounts() -> Response:
        """Every account, its session on its network, and what holds its posting."""
        return JSONResponse(plain(await data.accounts()))

    @router.get("/breakers")
    async def breakers() -> Response:
        """Every circuit breaker."""
        return JSONResponse(plain(data.breaker_status()))

    @router.get("/alerts")
    async def alerts() -> Response:
        """Alerts, those that fire first."""
        return JSONResponse(plain(await data.alerts()))

    @router.get("/muted")
    async def muted() -> Response:
        """Who gets no replies: muted by hand, or because they asked for it."""
        return JSONResponse(plain(await data.muted()))

    @router.get("/figures")
    async def figures() -> Response:
        """Each account in numbers: queue, pool, ages, spend, and service levels with their budgets."""
        return JSONResponse([_figures(one) for one in await data.account_figures()])

    @router.get("/alerts/undelivered")
    async def undelivered() -> Response:
        """Messages about alerts that could not be delivered: they wait, or were given up."""
        return JSONResponse(plain(await data.undelivered()))

    @router.get("/audit")
    async def audit(limit: int = 100) -> list[AuditLine]:
        """What the owner did, through which door, newest first."""
        rows = await data.audit(limit=max(1, min(limit, 1000)))
        return [AuditLine.model_validate(row) for row in rows]


def _figures(one: AccountFigures) -> dict[str, Any]:
    """As JSON: keys of two parts become one, and each window says what is left of its budget."""
    said: dict[str, Any] = plain({key: getattr(one, key) for key in _PLAIN})
    said["pool"] = {f"{source}, {age}": count for (source, age), count in one.pool.items()}
    said["levels"] = [
        {
            "name": level.name,
            "windows": {
                name: {
                    "good": count.good,
                    "bad": count.bad,
                    "ratio": count.ratio,
                    "target": count.target,
                    "budget_left": count.budget_left,
                    "burn_rate": count.burn_rate,
                }
                for name, count in level.windows.items()
            },
        }
        for level in one.levels
    ]
    return said


_PLAIN = (
    *("account_id", "last_post", "overdue", "queue_days", "queued", "success"),
    *("metrics_age", "model_age", "spend"),
)
