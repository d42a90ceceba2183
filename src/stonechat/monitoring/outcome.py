"""Health of the posting layer by outcome: were posts due, and did any go out?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.core.clock import Clock
from stonechat.core.states import ContentState
from stonechat.database import Database
from stonechat.database.repositories import accounts, content
from stonechat.monitoring.health_board import Check, ProbeResult, degraded, down, ok

STALL = timedelta(minutes=2)
"""Real time that a due post may take to be published before the layer is looked at again: a publication,
its reconciliation and the way of a sweep."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Posts that are due and what became of them, for one account; all times are account time."""

    account_id: str
    overdue: int
    oldest_due: datetime | None
    last_posted: datetime | None
    off: str = ""


def judge_flow(flows: list[Flow], now: datetime, patience: timedelta) -> ProbeResult:
    """Down where posts have been due for longer than ``patience`` and none was published since."""
    stalled: list[str] = []
    held: list[str] = []
    for flow in flows:
        if flow.oldest_due is None:
            continue
        since = max(flow.oldest_due, flow.last_posted or flow.oldest_due)
        if flow.off:
            held.append(f"{flow.overdue} due on {flow.account_id} held: {flow.off}")
        elif now - since > patience:
            stalled.append(
                f"{flow.overdue} due on {flow.account_id} and none published for {_minutes(now - since)} min"
            )
    if stalled:
        return down("; ".join(stalled))
    if held:
        return degraded("; ".join(held))
    return ok()


def posts_flow(database: Database, clock: Clock, *, grace: timedelta) -> Check:
    """A check for the posting layer. ``grace`` is account time; :data:`STALL` of real time comes on top."""

    async def check() -> ProbeResult:
        now = clock.now()
        flows: list[Flow] = []
        async with database.read("monitoring.flow") as connection:
            off = {switch.scope: switch.why for switch in await accounts.switched_off(connection)}
            for account in await accounts.every(connection):
                queued = await content.in_states(
                    connection, [ContentState.QUEUED], account_id=account.id, limit=50
                )
                due = sorted(
                    at for one in queued if (at := max(one.due_at, one.not_before or one.due_at)) <= now
                )
                posted = await content.in_states(
                    connection, [ContentState.POSTED], account_id=account.id, newest_first=True, limit=1
                )
                flows.append(
                    Flow(
                        account.id,
                        len(due),
                        due[0] if due else None,
                        posted[0].posted_at if posted else None,
                        off.get("posting", off.get(f"posting/{account.id}", "")),
                    )
                )
        return judge_flow(flows, now, max(grace, STALL * clock.speed))

    return check


def _minutes(duration: timedelta) -> int:
    return round(duration.total_seconds() / 60)
