"""The alerts as a pure function: what was known, what is found now, and which messages follow.

::

    inactive ──found──► pending ──lasted its wait──► firing ──gone for a while──► resolved
        ▲                  │                                                         │
        └──────gone────────┘                    (found again: pending, or firing) ◄──┘

A cascade is one message. An alert sends nothing while another one explains it: one about a part that its
own part needs (by the dependency graph), that fires and is true at this moment, is at least as severe, and
is itself explained by none. What is pending, over or merely recent explains nothing. What comes and goes is
one incident until it stays away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from stonechat.alerting.finding import Finding
from stonechat.core.ports import AlertMessage
from stonechat.core.quiet_hours import QuietHours
from stonechat.core.states import AlertState
from stonechat.database.repositories.alerts import AlertRow, AlertTracking
from stonechat.monitoring.dependency_graph import ancestors, explains

FIRING, PENDING = AlertState.FIRING, AlertState.PENDING
RANK = {"critical": 0, "warning": 1, "info": 2}

FLAP_MEMORY, FLAPS = timedelta(hours=1), 4
SHORT_MEMORY, SHORT_FLAPS = timedelta(minutes=10), 3
"""It comes and goes where it fired so often within so long (real time)."""

KEPT_FIRINGS = 200
"""Firings remembered of one that comes and goes; one that does so each minute for hours fills it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """All real time.

    Attributes:
        group_wait: between firing and telling, so that the cause has time to show.
        repeat: between two messages about what fires and nobody has acknowledged.
        clear_after: how long a finding must be gone before its alert is resolved; the same for one that has
            not fired yet.
        lost_after: when alerts of a host that is not heard of any more are resolved.
        believed_for: how long what only another host sees is taken to be true after it last said so.
        after_cause: how long an alert may outlast the one that explained it before it is told.
        lead: a cause is seen at most so much later than what it explains.
        flap_clear: how long what comes and goes must stay away before it is over.
        flap_repeat: between two messages about it.
        escalate: how long a critical alert may stay without an acknowledgement before others are told; None
            where nobody else is.
        quiet: hours in which only what is critical is told.
    """

    group_wait: timedelta = timedelta(seconds=10)
    repeat: timedelta = timedelta(hours=4)
    clear_after: timedelta = timedelta(seconds=15)
    lost_after: timedelta = timedelta(minutes=5)
    believed_for: timedelta = timedelta(minutes=2)
    after_cause: timedelta = timedelta(seconds=60)
    lead: timedelta = timedelta(minutes=3)
    flap_clear: timedelta = timedelta(minutes=15)
    flap_repeat: timedelta = timedelta(hours=1)
    escalate: timedelta | None = None
    quiet: QuietHours | None = None


@dataclass(frozen=True, slots=True)
class LookResult:
    """What one look leads to: every alert as it is now, which of them changed, and the messages."""

    alerts: Mapping[str, AlertRow]
    changed: tuple[AlertRow, ...]
    messages: tuple[AlertMessage, ...] = field(default=())


def advance(
    known: Mapping[str, AlertRow],
    findings: Iterable[Finding],
    now: datetime,
    timing: Timing,
    host: str,
    undecided: Collection[str] = (),
) -> dict[str, AlertRow]:
    """Take every alert one step further, and give each firing one the incident that it belongs to."""
    found = {finding.alert_id: finding for finding in findings}
    alerts = dict(known)
    for alert_id, finding in found.items():
        alerts[alert_id] = _found(known.get(alert_id) or _fresh(finding, now), finding, now, timing)
    for alert_id, row in known.items():
        if alert_id not in found and not (row.state is FIRING and alert_id in undecided):
            alerts[alert_id] = _not_found(row, now, timing, host)
    _group(alerts, now, timing)
    return alerts


def is_true(row: AlertRow, now: datetime, timing: Timing) -> bool:
    """Whether it fires and is true at this moment."""
    if row.state is not FIRING or row.tracking.gone_since is not None:
        return False
    seen = row.tracking.seen_at
    return seen is None or now - seen <= timing.believed_for


def is_untold(row: AlertRow) -> bool:
    """Whether it was not told in this incident, or has become worse or something else since."""
    track = row.tracking
    if track.told_at is None or not track.told_as:
        return True
    severity, variant, _ = track.told_as
    return RANK[row.severity] < RANK[severity] or variant != track.variant


def is_silenced(row: AlertRow, now: datetime) -> bool:
    """Whether the owner wants no messages about what it is now."""
    return row.silenced_until is not None and row.silenced_until > now


def _fresh(finding: Finding, now: datetime) -> AlertRow:
    return AlertRow(
        id=finding.alert_id,
        rule=finding.rule,
        state=AlertState.INACTIVE,
        state_since=now,
        severity=finding.severity,
        title=finding.title,
        body=finding.body,
        remedy=finding.remedy,
        account_id=finding.account_id,
    )


def _found(row: AlertRow, finding: Finding, now: datetime, timing: Timing) -> AlertRow:
    if row.state is AlertState.RESOLVED and row.tracking.told_at is not None:
        row = replace(
            row, state=FIRING, state_since=now, resolved_at=None
        )  # its end was not told: it goes on
    elif row.state in (AlertState.INACTIVE, AlertState.RESOLVED):
        row = _begun(row, finding, now)
    row = _described(row, finding, now, timing)
    if row.state is PENDING and now - row.state_since >= finding.wait:
        row = _fired(row, now, timing)
    return _shown(row)


def _begun(row: AlertRow, finding: Finding, now: datetime) -> AlertRow:
    """A new incident: nothing of what was said or done about the last one holds any more."""
    began = finding.since if finding.since is not None and finding.since < now else now
    # What one alert says of its beginning must not reach into its last incident, which was told as over.
    if row.resolved_at is not None:
        began = max(began, min(row.resolved_at, now))
    return replace(
        row,
        state=PENDING,
        state_since=now,
        incident_id=None,
        fired_at=None,
        resolved_at=None,
        acked_by=None,
        silenced_until=None,
        tracking=AlertTracking(
            began_at=began,
            variant=finding.variant,
            firings=row.tracking.firings,
            flapping=row.tracking.flapping,
        ),
    )


def _described(row: AlertRow, finding: Finding, now: datetime, timing: Timing) -> AlertRow:
    """What the alert says is what is found now, also while it fires."""
    track = row.tracking
    away = track.gone_since
    came_back = track.flapping and away is not None and now - away >= timing.clear_after
    track = replace(
        track,
        part=finding.part,
        group=finding.group,
        host=finding.host,
        about=finding.about,
        root=finding.root,
        everybody=finding.everybody,
        once=finding.once,
        variant=finding.variant,
        until=now + finding.lasts if finding.lasts else None,
        turned_at=now if _has_turned(row, finding) else track.turned_at,
        # rounded, so that it is written once a minute and not at every look
        seen_at=now.replace(second=0, microsecond=0) if finding.host else None,
        gone_since=None,
        firings=(*track.firings, now)[-KEPT_FIRINGS:] if came_back else track.firings,
    )
    row = replace(
        row,
        severity=finding.severity,
        title=finding.title,
        body=finding.body,
        remedy=finding.remedy,
        account_id=finding.account_id,
        tracking=track,
    )
    return _as_told_before(row, now, timing)


def _has_turned(row: AlertRow, finding: Finding) -> bool:
    return RANK[finding.severity] < RANK[row.severity] or finding.variant != row.tracking.variant


def _as_told_before(row: AlertRow, now: datetime, timing: Timing) -> AlertRow:
    """Where it has become worse or something else, a silence and an acknowledgement do not cover it."""
    # A silence covers what the owner knew when they asked for it, and no more: "we know that it is slow" says
    # nothing about "it is down".
    track = row.tracking
    if track.silenced_at:
        severity, variant = track.silenced_at
        if RANK[row.severity] < RANK[severity] or variant != track.variant:
            track = replace(track, silenced_at=())
            row = replace(row, silenced_until=None, tracking=track)
    if row.state is FIRING and track.told_at is not None and is_untold(row):
        wait = now + timing.group_wait
        if track.tell_at is None or track.tell_at <= track.told_at:
            row = replace(row, acked_by=None, tracking=replace(track, tell_at=wait))
    return row


def _fired(row: AlertRow, now: datetime, timing: Timing) -> AlertRow:
    recent = (*(at for at in row.tracking.firings if now - at <= FLAP_MEMORY), now)
    lately = sum(now - at <= SHORT_MEMORY for at in recent)
    track = replace(
        row.tracking,
        tell_at=now + timing.group_wait,
        firings=recent,
        flapping=not row.tracking.once and (len(recent) >= FLAPS or lately >= SHORT_FLAPS),
    )
    return replace(row, state=FIRING, state_since=now, fired_at=now, tracking=track)


def _shown(row: AlertRow) -> AlertRow:
    """What comes and goes says so, and how often."""
    track = row.tracking
    if row.state is not FIRING or not track.flapping:
        return row
    often = f"It comes and goes: {len(track.firings)} times since {track.firings[0]:%H:%M} UTC."
    now = "At this moment it is well." if track.gone_since is not None else row.body
    return replace(row, title=_again(row.title), body=f"{often} {now}")


def _again(title: str) -> str:
    return title if title.endswith(_AGAIN) else title + _AGAIN


_AGAIN = ", again and again"


def _not_found(row: AlertRow, now: datetime, timing: Timing, host: str) -> AlertRow:
    track = row.tracking
    if row.state not in (PENDING, FIRING):
        return row
    if track.until is not None and now < track.until:
        if row.state is PENDING:
            return _shown(_fired(row, now, timing))
        return row
    if track.host and track.host != host and now - (track.seen_at or row.state_since) < timing.lost_after:
        return row  # only its own host can say that it is over
    gone = track.gone_since or now
    if now - gone < (timing.flap_clear if row.state is FIRING and track.flapping else timing.clear_after):
        return _shown(replace(row, tracking=replace(track, gone_since=gone)))
    if row.state is PENDING:
        return replace(
            row, state=AlertState.INACTIVE, state_since=now, tracking=replace(track, gone_since=None)
        )
    return replace(row, state=AlertState.RESOLVED, state_since=now, resolved_at=gone)


def _group(alerts: dict[str, AlertRow], now: datetime, timing: Timing) -> None:
    """Give each alert under way the incident that it belongs to; one that is pending is only listed there."""
    causes = _Causes(
        [row for row in alerts.values() if row.tracking.root and is_true(row, now, timing)], timing
    )
    for row in [one for one in alerts.values() if one.state in (FIRING, PENDING)]:
        cause = causes.of(row)
        track = row.tracking
        before = alerts.get(row.incident_id or "")
        if cause is row and before is not None and before.id != row.id:
            track = _freed(row, before, now, timing)
        alerts[row.id] = replace(row, incident_id=cause.id, tracking=track)


class _Causes:
    """What may explain other alerts, and is explained by none; found by part and account, so that a thousand
    accounts in trouble cost no million comparisons."""

    def __init__(self, causes: Sequence[AlertRow], timing: Timing) -> None:
        self._timing = timing
        self._found: dict[tuple[str, str | None], list[AlertRow]] = {}
        self._enter(sorted(causes, key=order))
        self._enter([row for row in sorted(causes, key=order) if self._first(row) is None])

    def of(self, row: AlertRow) -> AlertRow:
        """The alert that explains this one and is itself explained by none; itself where there is none.

        One that was told as an incident of its own stays one: its end is told too.
        """
        if row.incident_id == row.id and row.tracking.told_at is not None and not is_untold(row):
            return row
        return self._first(row) or row

    def _enter(self, causes: Iterable[AlertRow]) -> None:
        self._found = {}
        for row in causes:
            whose = None if row.tracking.everybody else row.account_id
            self._found.setdefault((row.tracking.part, whose), []).append(row)

    def _first(self, row: AlertRow) -> AlertRow | None:
        """The worst and oldest that explains it."""
        track = row.tracking
        parts = ancestors(track.part) | (frozenset() if track.root else {track.part})
        firsts = [
            first
            for part in parts
            for whose in {None, row.account_id}
            if (first := self._first_of(self._found.get((part, whose), ()), row)) is not None
        ]
        return min(firsts, key=order, default=None)

    def _first_of(self, causes: Iterable[AlertRow], row: AlertRow) -> AlertRow | None:
        return next((one for one in causes if one.id != row.id and _explains(one, row, self._timing)), None)


def _explains(cause: AlertRow, effect: AlertRow, timing: Timing) -> bool:
    """Whether a cause that is about its part as a whole, and true now, is the reason for the effect."""
    ours, theirs = cause.tracking, effect.tracking
    if theirs.once or RANK[cause.severity] > RANK[effect.severity]:
        return False
    if cause.account_id not in (None, effect.account_id) and not ours.everybody:
        return False
    if began(cause) > (theirs.turned_at or began(effect)) + timing.lead:
        return False
    return not theirs.root if ours.part == theirs.part else explains(ours.part, theirs.part)


def _freed(row: AlertRow, cause: AlertRow, now: datetime, timing: Timing) -> AlertTracking:
    """What explained it is over and it is not. If that was told, it may take a while to recover."""
    if cause.tracking.told_at is None:
        return row.tracking
    return replace(row.tracking, tell_at=now + timing.after_cause)


def began(row: AlertRow) -> datetime:
    """When the trouble began."""
    return row.tracking.began_at or row.fired_at or row.state_since


def order(row: AlertRow) -> tuple[int, datetime, str]:
    """Worst first, then the oldest."""
    return (RANK.get(row.severity, 9), began(row), row.title)
