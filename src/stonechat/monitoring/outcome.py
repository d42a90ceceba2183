"""Health as outcome: whether what was planned to be published was published, however it was put off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.clock import Clock
from stonechat.core.states import ContentState, SessionState
from stonechat.database import Database
from stonechat.database.repositories import accounts, publishing_plan
from stonechat.database.repositories.publishing_plan import ENDED_UNPUBLISHED, PlannedPost
from stonechat.monitoring.health_board import Check, ProbeResult, degraded, down, ok

TRIED_FOR = timedelta(minutes=2)
"""Real time after its slot within which a post that was tried more than once is out, or all is not well."""

HELD_FOR = timedelta(minutes=5)
"""The same for one that was not tried, or once: the way of a sweep, a queue before it, a lookup."""

NOTHING_PLANNED_FOR = timedelta(hours=24)
"""Account time without a post, and without one ahead, that is no plan any more."""

LOST = 3
"""So many posts in a row that ended unpublished mean that publishing does not work."""

BEFORE_THE_FIRST = timedelta(days=2)
"""Account time for which posts that ended unpublished count where none was published yet."""

CLOCK_SLACK = timedelta(minutes=5)
"""Real time by which the newest post may lie ahead: hosts' clocks differ a little."""


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """What was planned for one account and what became of it; all times are account time.

    Attributes:
        posts: what is not published.
        last_published: when the newest post went out.
        paused: who has stopped its posting on purpose, and why; empty where nobody has.
        session: what the network thinks of its session, in words; empty where that is valid.
    """

    account_id: str
    posts: Sequence[PlannedPost]
    last_published: datetime | None
    paused: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class FlowTrouble:
    """Why an account's posts do not go out, and whether somebody is only waited for (``mild``)."""

    why: str
    mild: bool = False


def judge_flows(flows: Sequence[AccountFlow], now: datetime, speed: float) -> ProbeResult:
    """Down where an account publishes nothing of what was planned; a pause is no fault, and is shown.

    An account whose session is not valid is the session's trouble, which has a layer of its own.
    """
    paused = [f"{flow.account_id} by {flow.paused}" for flow in flows if flow.paused]
    waits = [f"{flow.account_id} waits for its session" for flow in flows if flow.session and not flow.paused]
    judged = [
        found
        for flow in flows
        if not flow.paused and not flow.session and (found := trouble_of(flow, now, speed)) is not None
    ]
    if not judged:
        return ok("; ".join(waits), paused="; ".join(paused))
    why = "; ".join(one.why for one in sorted(judged, key=lambda one: one.mild))
    return degraded(why) if all(one.mild for one in judged) else down(why)


def trouble_of(flow: AccountFlow, now: datetime, speed: float) -> FlowTrouble | None:
    """What is wrong with one account's posts, or None."""
    last = flow.last_published
    if last is not None and last - now > CLOCK_SLACK * max(speed, 1.0):
        return FlowTrouble(
            f"the clock stands {_words(last - now)} before the newest post of {flow.account_id}: it was set "
            "back, and nothing is due until then"
        )
    later = [post for post in flow.posts if last is None or post.planned_at > last]
    stuck = [post for post in later if _is_stuck(post, now, speed)]
    if stuck:
        return _stuck(flow, stuck, now)
    lost = [post for post in later if post.state in ENDED_UNPUBLISHED and post.planned_at <= now]
    if len(lost) > 1:
        why = f"{len(lost)} posts of {flow.account_id} in a row did not go out: {lost[-1].why or 'no reason'}"
        return FlowTrouble(why, mild=len(lost) < LOST)
    return _put_off(flow, now, speed)


def _is_stuck(post: PlannedPost, now: datetime, speed: float) -> bool:
    if post.state in ENDED_UNPUBLISHED:
        return False
    return now - post.planned_at > (TRIED_FOR if post.attempts > 1 else HELD_FOR) * speed


def _stuck(flow: AccountFlow, stuck: Sequence[PlannedPost], now: datetime) -> FlowTrouble:
    oldest = min(stuck, key=lambda post: post.planned_at)
    waiting = [post for post in stuck if post.state is ContentState.AWAITING_APPROVAL]
    if len(waiting) == len(stuck):
        how_many = "1 post waits" if len(waiting) == 1 else f"{len(waiting)} posts wait"
        long = _words(now - oldest.planned_at)
        return FlowTrouble(
            f"{how_many} for your approval on {flow.account_id}, the oldest for {long}", mild=True
        )
    newest_word = next((post.why for post in stuck if post.why), "nobody has tried it yet")
    return FlowTrouble(
        f"{len(stuck)} due on {flow.account_id} and none published for {_words(now - oldest.planned_at)}: "
        f"{newest_word.rstrip('.')}"
    )


def _put_off(flow: AccountFlow, now: datetime, speed: float) -> FlowTrouble | None:
    """Slots that a limit has moved ahead while nothing goes out, and a plan that holds nothing."""
    last = flow.last_published
    queued = [post for post in flow.posts if post.state is ContentState.QUEUED]
    moved = [post for post in queued if post.why and post.due_at > now]
    if moved and last is not None and now - last > max(HELD_FOR * speed, timedelta(hours=2)):
        until = min(post.due_at for post in moved)
        return FlowTrouble(
            f"{len(moved)} put off on {flow.account_id}, the next by {_words(until - now)}: "
            f"{moved[0].why.rstrip('.')}",
            mild=True,
        )
    if not flow.posts and last is not None and now - last > max(NOTHING_PLANNED_FOR, HELD_FOR * speed):
        return FlowTrouble(
            f"nothing was published on {flow.account_id} for {_words(now - last)}, and nothing is planned"
        )
    return None


def posts_flow(database: Database, clock: Clock, *, disabled: bool = False) -> Check:
    """A check for the posting layer. ``disabled``: the settings stop all posting."""

    async def check() -> ProbeResult:
        async with database.read("monitoring.flow") as connection:
            off = {one.scope: f"{one.who}: {one.why}" for one in await accounts.switched_off(connection)}
            if disabled:
                off["posting"] = "the setting POSTING_DISABLED"
            now = clock.now()
            flows = await _flows(connection, off, now)
        return judge_flows(flows, now, clock.speed)

    return check


async def _flows(connection: AsyncConnection, off: dict[str, str], now: datetime) -> list[AccountFlow]:
    """Of every account, in three statements however many there are."""
    last = await publishing_plan.last_published(connection)
    posts = await publishing_plan.unpublished(connection, otherwise_since=now - BEFORE_THE_FIRST)
    return [
        AccountFlow(
            one.account_id,
            posts.get(one.account_id, ()),
            last.get(one.account_id),
            off.get("posting", off.get(f"posting/{one.account_id}", "")),
            "" if one.state is SessionState.VALID else f"{one.state.value}: {one.why}",
        )
        for one in await accounts.sessions(connection)
    ]


def _words(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
