"""The rules: pure functions from what is known now to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.alerting.finding import CRITICAL, REMEDIES, SESSION_REMEDIES, WARNING, Finding
from stonechat.core.events import BreakerChanged, Event
from stonechat.core.ids import stable_id
from stonechat.core.states import BreakerState, LayerState, RunState, SessionState
from stonechat.database.repositories.accounts import SessionRow
from stonechat.jobs import JobStatus
from stonechat.monitoring import LayerHealth
from stonechat.monitoring.dependency_graph import NEEDS
from stonechat.monitoring.figures import AccountFigures
from stonechat.monitoring.loop_lag import LoopLag
from stonechat.monitoring.service_levels import MEASURED, burns
from stonechat.resilience import kind_of
from stonechat.resilience.circuit_breaker import BreakerStatus

DOWN_FOR = timedelta(seconds=30)
DEGRADED_FOR = timedelta(minutes=2)
ROOT_FOR = timedelta(seconds=12)
"""What needs nothing else is told sooner, so that a cause fires before what it explains."""

ROOM = timedelta(seconds=10)
AFTER_ITS_LAYER = DOWN_FOR + ROOM
"""A breaker's own alert comes after that of the layer which it guards, and is then listed there."""

FAILING_FOR = timedelta(seconds=60)
"""A job's next try may put right what one failed."""

VITAL = frozenset({"startup", "jobs", "posting", "browser", "database", "network"})
"""Parts without which nothing is published: their trouble is critical."""

OWN = frozenset({"startup", "browser", "cache", "database"})
"""Parts of which each host has its own; the others are judged by rows, and every host sees the same."""

LAG = 1.0
"""Real seconds by which the process may come late to what it planned, at the median of a minute."""

CHANNEL_RULE = "channel_failing"
FLAPS, FLAP_PERIOD = 4, timedelta(hours=1)
PROBE_OVERDUE = timedelta(minutes=2)
UNCLEAR_FOR = timedelta(minutes=2)
"""What may or may not be live is decided so soon after the end of any trouble, or a human is asked."""


@dataclass(frozen=True, slots=True)
class UnclearPost:
    """A post of which nobody can tell yet whether it is live, and how long that has been so (real time)."""

    account_id: str
    content_id: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """A breaker opened at ``at`` (monotonic seconds)."""

    breaker: str
    at: float


@dataclass(frozen=True, slots=True)
class ChannelTrouble:
    """An alert channel that takes no messages. ``since`` is real time; ``alone``: no other one works."""

    channel: str
    since: datetime
    error: str
    alone: bool


def layer_findings(parts: Sequence[LayerHealth], host: str) -> list[Finding]:
    """Layers that are down or degraded. Sessions have a rule of their own, which says more."""
    found = []
    for health in parts:
        if health.layer == "session" or health.state not in (LayerState.DOWN, LayerState.DEGRADED):
            continue
        vital = health.state is LayerState.DOWN and health.layer in VITAL
        found.append(
            Finding(
                rule="layer",
                about=health.layer,
                part=health.layer,
                severity=CRITICAL if vital else WARNING,
                title=f"{health.layer.capitalize()} is {health.state.value}",
                body=health.cause or "No cause is known.",
                remedy=health.remedy or REMEDIES.get(health.layer, ""),
                wait=_wait(health),
                since=health.since,
                host=host if health.layer in OWN else "",
                root=True,
            )
        )
    return found


def layer_alert_id(part: str, host: str) -> str:
    """The id of the alert about a part, as :func:`layer_findings` makes it on this host."""
    return stable_id("alert", "layer", part, host if part in OWN else "")


def _wait(health: LayerHealth) -> timedelta:
    if health.layer == "cache":
        return ROOT_FOR  # what it does without Redis is called degraded, and is not known to pass
    if health.state is LayerState.DEGRADED:
        return DEGRADED_FOR
    return DOWN_FOR if NEEDS.get(health.layer, frozenset()) - {"cache"} else ROOT_FOR


def breaker_findings(breakers: Sequence[BreakerStatus], openings: Sequence[BreakerOpened]) -> list[Finding]:
    """Breakers that are open, open for long, not probing, or opening again and again."""
    found = []
    for one in breakers:
        found += _open(one)
        flaps = sum(1 for opened in openings if opened.breaker == one.name)
        if one.probe_overdue >= PROBE_OVERDUE:
            title = f"The breaker {one.name} is open and does not probe"
            body = f"A probe has been due for {_minutes(one.probe_overdue)} min."
            remedy = "Restart the process and report this."
            found.append(_breaker(one, "breaker_not_probing", CRITICAL, title, body, remedy))
        if flaps >= FLAPS:
            title = f"The breaker {one.name} opens again and again"
            body = f"{flaps} times within an hour; last: {one.why}."
            remedy = REMEDIES.get(_part(one), "")
            found.append(_breaker(one, "breaker_flapping", WARNING, title, body, remedy))
    return found


def _open(one: BreakerStatus) -> list[Finding]:
    if one.opened_at is None:
        return []
    forced = one.state is BreakerState.FORCED_OPEN
    ends = f"`stonechat breakers release {one.name}` ends it, or the button on the breakers page."
    if one.stuck:
        title = f"The breaker {one.name} has been open for {_minutes(one.open_for)} min"
        if forced:
            body = f"{one.who} has forced it open: {one.why}. Nothing passes it until it is released."
            return [_breaker(one, "breaker_stuck", WARNING, title, body, ends)]
        return [_breaker(one, "breaker_stuck", CRITICAL, title, one.why, REMEDIES.get(_part(one), ""))]
    title = f"The breaker {one.name} is {'forced open' if forced else 'open'}"
    remedy = ends if forced else "It tries again by itself and closes when a try succeeds."
    return [_breaker(one, "breaker_open", WARNING, title, one.why, remedy)]


def _breaker(one: BreakerStatus, rule: str, severity: str, title: str, body: str, remedy: str) -> Finding:
    wait = AFTER_ITS_LAYER
    return Finding(rule, one.name, _part(one), severity, title, body, remedy, wait, since=one.opened_at)


def _part(one: BreakerStatus) -> str:
    return kind_of(one.name)


def job_findings(
    jobs: Sequence[JobStatus], explained: Callable[[str, datetime], str] = lambda _part, _at: ""
) -> list[Finding]:
    """Jobs that fail or do not run when they should.

    Args:
        explained: what a run of a layer failed by that ended at a moment (real time), where something that
            the layer needs was in trouble then: such a failure tells nothing about the job.
    """
    found = []
    for job in jobs:
        if job.paused is not None or job.state not in ("failing", "late"):
            continue
        layer = job.name.split(".")[0]
        late = job.state == "late"
        if not late and not _failed_by_itself(job, layer, explained):
            continue
        whose = f" for {job.account_id}" if job.account_id else ""
        found.append(
            Finding(
                rule="job_late" if late else "job_failing",
                about=f"{job.name}/{job.account_id or ''}",
                part="jobs" if late else layer,
                severity=CRITICAL if job.critical else WARNING,
                title=f"The job {job.name} {'does not run' if late else 'keeps failing'}{whose}",
                body=job.why or (job.last.error if job.last else "") or "No cause is known.",
                remedy=f"`stonechat jobs history {job.name}` shows its runs.",
                wait=_patience(job.critical, late=late),
                account_id=job.account_id,
                group=f"{job.state}/{job.name}",
            )
        )
    return found


def _patience(critical: bool, *, late: bool) -> timedelta:
    """So long that the alert about its layer comes first, and this one is listed there."""
    if not critical:
        return DEGRADED_FOR + ROOM
    return AFTER_ITS_LAYER if late else FAILING_FOR


def _failed_by_itself(job: JobStatus, layer: str, explained: Callable[[str, datetime], str]) -> bool:
    """Whether the newest run is evidence against the job. A refused post is judged as an outcome instead."""
    last = job.last
    if last is None:
        return True
    if last.state is RunState.SUCCEEDED and (layer == "posting" or last.done > 0 or last.due == 0):
        return False
    return last.ended_at is None or not explained(layer, last.ended_at)


def session_findings(sessions: Sequence[SessionRow]) -> list[Finding]:
    """Sessions that the network does not accept."""
    everybody = all(one.state is not SessionState.VALID for one in sessions)
    return [
        Finding(
            rule="session_trouble",
            about=row.account_id,
            part="session",
            severity=WARNING if row.state is SessionState.RATE_LIMITED else CRITICAL,
            title=f"The session of {row.account_id} is {row.state.value.replace('_', ' ')}",
            body=f"{row.why.rstrip('.')}. Publishing to this account has stopped; its posts wait.",
            remedy=SESSION_REMEDIES.get(row.state, ""),
            account_id=row.account_id,
            root=True,
            everybody=everybody,
            group="session_trouble",
            variant=row.state.value,
        )
        for row in sessions
        if row.state is not SessionState.VALID
    ]


def unclear_findings(posts: Sequence[UnclearPost]) -> list[Finding]:
    """Posts of which nobody could tell for too long whether they are live: a human is asked, by account."""
    found = []
    late = [post for post in posts if post.age >= UNCLEAR_FOR]
    for account_id in sorted({post.account_id for post in late}):
        mine = [post.content_id for post in late if post.account_id == account_id]
        found.append(
            Finding(
                rule="post_unclear",
                about=account_id,
                part="posting",
                severity=CRITICAL,
                title=f"Nobody can tell whether {_posts(mine)} of {account_id} {_are(mine)} live",
                body=f"Sent, and neither found on the profile nor proven absent: {', '.join(mine[:5])}"
                f"{' …' if len(mine) > 5 else ''}. Nothing is sent again until that is decided.",
                remedy="It is looked up again. To decide it yourself, look at the profile, then "
                f"`stonechat queue live {mine[0]} --post ADDRESS` or `stonechat queue again {mine[0]}`.",
                account_id=account_id,
                group="post_unclear",
            )
        )
    return found


def _posts(ids: Sequence[str]) -> str:
    return "a post" if len(ids) == 1 else f"{len(ids)} posts"


def _are(ids: Sequence[str]) -> str:
    return "is" if len(ids) == 1 else "are"


def channel_findings(channels: Sequence[ChannelTrouble]) -> list[Finding]:
    """Alert channels that take no messages: told through the others, and on the pages."""
    return [
        Finding(
            rule=CHANNEL_RULE,
            about=one.channel,
            part="alerting",
            severity=CRITICAL if one.alone else WARNING,
            title=f"Alerts cannot be delivered through {one.channel}",
            body=f"{one.error} What is to be told waits for it.",
            remedy="Check ALERT_WEBHOOK_URL or ALERT_URLS. Messages are kept and sent when it works again; "
            "acknowledging an alert ends what it has waiting.",
            wait=DOWN_FOR,
            since=one.since,
        )
        for one in channels
    ]


def level_findings(accounts: Sequence[AccountFigures]) -> list[Finding]:
    """Service levels that spend their error budget too fast by what no incident explains."""
    found = []
    for account in accounts:
        for level in account.levels:
            if not burns(level):
                continue
            day, week = level.untold["1d"], level.untold["7d"]
            found.append(
                Finding(
                    rule="service_level",
                    about=f"{level.name}/{account.account_id}",
                    part="scraping" if level.name == MEASURED else "posting",
                    severity=WARNING,
                    title=f"Too few {level.name} on {account.account_id}",
                    body=f"{day.bad} of {day.bad + day.good} were not, within a day, and {week.bad} of "
                    f"{week.bad + week.good} within a week; {1 - day.target:.0%} may be. No incident "
                    "explains it.",
                    remedy="The posting page shows each level; `stonechat queue` says what holds posts.",
                    wait=DEGRADED_FOR + ROOM,
                    account_id=account.account_id,
                    group=f"service_level/{level.name}",
                )
            )
    return found


def lag_findings(lag: LoopLag, host: str) -> list[Finding]:
    """A process that comes more than a second late to everything."""
    if not lag.full or lag.median < LAG:
        return []
    return [
        Finding(
            rule="event_loop_slow",
            about=host,
            part="startup",
            severity=WARNING,
            title="The process is slow: it comes late to everything it plans",
            body=f"For a minute every other second took {lag.median:.1f} s longer than a second.",
            remedy="Look what else takes the machine's processors or memory; `stonechat doctor` names both.",
            wait=DEGRADED_FOR,
            host=host,
        )
    ]


def opening(event: Event, at: float) -> BreakerOpened | None:
    """The opening of a breaker, for the rule on flapping."""
    if (
        isinstance(event, BreakerChanged)
        and event.before is BreakerState.CLOSED
        and event.after is BreakerState.OPEN
    ):
        return BreakerOpened(event.breaker, at)
    return None


def _minutes(duration: timedelta) -> int:
    return round(duration.total_seconds() / 60)
