"""The alerts as a pure function: what was known, what is found now, and which messages follow.

::

    inactive ──found──► pending ──lasted its wait──► firing ──gone for a while──► resolved
        ▲                  │                                                         │
        └──────gone────────┘                    (found again: pending, or firing) ◄──┘

A cascade is one message. Of the alerts that fire, those that another firing or pending alert explains
(by the dependency graph) are listed under it and send nothing. Nothing is told before the group wait is
over, so that the cause has time to show, after a restart too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from stonechat.alerting.finding import Finding
from stonechat.core.ids import stable_id
from stonechat.core.ports import AlertMessage
from stonechat.core.states import AlertState
from stonechat.database.repositories.alerts import AlertRow
from stonechat.monitoring.dependency_graph import explains

FIRING, PENDING = AlertState.FIRING, AlertState.PENDING
STORM = 5
"""More new incidents than this at one moment are told in one message."""

_RANK = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Timing:
    """All real time.

    Attributes:
        group_wait: between firing and telling.
        repeat: between two messages about what fires and nobody has acknowledged.
        clear_after: how long a finding must be gone before its alert is resolved.
        settle: the same for an alert that has not fired yet; longer than the time between two looks of each
            process, as one process may see what another does not.
        lost_after: when alerts of a host that is not heard of any more are resolved.
    """

    group_wait: timedelta = timedelta(seconds=10)
    repeat: timedelta = timedelta(hours=4)
    clear_after: timedelta = timedelta(seconds=15)
    settle: timedelta = timedelta(seconds=5)
    lost_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look leads to: every alert as it is now, which of them changed, and the messages."""

    alerts: Mapping[str, AlertRow]
    changed: tuple[AlertRow, ...]
    messages: tuple[AlertMessage, ...] = field(default=())


def look(
    known: Mapping[str, AlertRow], findings: Iterable[Finding], now: datetime, timing: Timing, host: str
) -> Outcome:
    """Take the alerts one step further."""
    found = {finding.alert_id: finding for finding in findings}
    alerts = dict(known)
    for alert_id, finding in found.items():
        alerts[alert_id] = _found(known.get(alert_id), finding, now)
    for alert_id, row in known.items():
        if alert_id not in found:
            alerts[alert_id] = _gone(row, now, timing, host)
    _group(alerts, now)
    messages = [*_told(alerts, now, timing), *_ends(known, alerts)]
    changed = tuple(row for alert_id, row in alerts.items() if known.get(alert_id) != row)
    return Outcome(alerts, changed, tuple(messages))


def _found(row: AlertRow | None, finding: Finding, now: datetime) -> AlertRow:
    fresh = AlertRow(
        id=finding.alert_id,
        rule=finding.rule,
        state=AlertState.INACTIVE,
        state_since=now,
        severity=finding.severity,
        title=finding.title,
        body=finding.body,
        remedy=finding.remedy,
        labels={},
        account_id=finding.account_id,
    )
    row = row or fresh
    labels = {key: value for key, value in row.labels.items() if key not in ("gone", "seen")}
    labels |= {"part": finding.part, "host": finding.host}
    labels |= {"detail": "yes"} if finding.detail else {}
    labels |= {"once": "yes"} if finding.once else {}
    if finding.host:
        labels["seen"] = now.replace(second=0, microsecond=0).isoformat()  # told anew once a minute
    if row.state is FIRING and row.severity != finding.severity:
        if _RANK[finding.severity] < _RANK[row.severity]:  # worse than what was told: tell again
            labels.pop("told", None)
            labels["alone"] = now.isoformat()
        row = replace(row, title=finding.title, body=finding.body)
    row = replace(row, severity=finding.severity, remedy=finding.remedy, labels=labels)
    if row.state in (AlertState.INACTIVE, AlertState.RESOLVED):
        labels = {key: value for key, value in labels.items() if key not in ("told", "alone")}
        row = replace(
            row,
            state=PENDING,
            state_since=now,
            incident_id=None,
            fired_at=None,
            resolved_at=None,
            acked_by=None,
            labels=labels,
        )
    if row.state is PENDING:
        row = replace(row, title=finding.title, body=finding.body)
        if now - row.state_since >= finding.wait:
            row = replace(row, state=FIRING, state_since=now, fired_at=now)
    return row


def _gone(row: AlertRow, now: datetime, timing: Timing, host: str) -> AlertRow:
    theirs = row.labels.get("host", "")
    if theirs and theirs != host and now - _time(row.labels.get("seen"), row.state_since) < timing.lost_after:
        return row  # only its own host can say that it is over
    if row.state not in (PENDING, FIRING):
        return row
    since = _time(row.labels.get("gone"), now)
    if now - since < (timing.settle if row.state is PENDING else timing.clear_after):
        return replace(row, labels={**row.labels, "gone": since.isoformat()})
    labels = {key: value for key, value in row.labels.items() if key != "gone"}
    if row.state is PENDING:
        return replace(row, state=AlertState.INACTIVE, state_since=now, labels=labels)
    return replace(row, state=AlertState.RESOLVED, state_since=now, resolved_at=now, labels=labels)


def _group(alerts: dict[str, AlertRow], now: datetime) -> None:
    """Give each firing alert the incident that it belongs to."""
    live = [row for row in alerts.values() if row.state in (FIRING, PENDING)]
    for row in live:
        if row.state is FIRING:
            cause = _cause(row, live)
            if row.incident_id is not None and row.incident_id != row.id and cause is row:
                # its cause has ended and it has not: it is an incident of its own from now on
                row = replace(row, labels={**row.labels, "alone": now.isoformat()})  # noqa: PLW2901
            alerts[row.id] = replace(row, incident_id=cause.id)


def _cause(row: AlertRow, live: Iterable[AlertRow]) -> AlertRow:
    """The alert that explains this one and is itself explained by none; itself where there is none."""
    above = [other for other in live if other.id != row.id and _explains(other, row)]
    tops = [one for one in above if not any(_explains(other, one) for other in above if other is not one)]
    return min(tops, key=_order) if tops else row


def _explains(cause: AlertRow, effect: AlertRow) -> bool:
    ours, theirs = cause.labels.get("part", ""), effect.labels.get("part", "")
    if ours == theirs:
        return "detail" in effect.labels and "detail" not in cause.labels
    # a warning about a part is no reason for something critical further up
    return explains(ours, theirs) and _RANK[cause.severity] <= _RANK[effect.severity]


def _order(row: AlertRow) -> tuple[int, datetime, str]:
    return (_RANK.get(row.severity, 9), row.state_since, row.title)


def _told(alerts: dict[str, AlertRow], now: datetime, timing: Timing) -> list[AlertMessage]:
    """Messages for incidents that are new, or that nobody has acknowledged for long."""
    due = []
    for row in sorted(alerts.values(), key=_order):
        if row.state is not FIRING or row.incident_id != row.id or "gone" in row.labels:
            continue
        if row.silenced_until is not None and row.silenced_until > now:
            continue
        told = row.labels.get("told")
        start = _time(row.labels.get("alone"), row.fired_at or row.state_since)
        if (told is None and now - start >= timing.group_wait) or (
            told is not None and _repeats(row) and now - _time(told, now) >= timing.repeat
        ):
            due.append(row)
    for row in due:
        alerts[row.id] = replace(row, labels={**row.labels, "told": now.isoformat()})
    if len(due) > STORM:
        return [_digest(due, now)]
    return [_message(alerts[row.id], alerts, now) for row in due]


def _repeats(row: AlertRow) -> bool:
    return not row.acked_by and "once" not in row.labels


def _ends(known: Mapping[str, AlertRow], alerts: Mapping[str, AlertRow]) -> list[AlertMessage]:
    """Messages for incidents that were told and are over."""
    return [
        AlertMessage(
            id=stable_id(row.id, "resolved", (row.fired_at or row.state_since).isoformat()),
            status="resolved",
            severity=row.severity,
            title=f"Over: {row.title}",
            body=f"It lasted {_span(row)}.",
            remedy="",
            starts_at=row.fired_at or row.state_since,
            labels=_labels(row),
        )
        for alert_id, row in alerts.items()
        if row.state is AlertState.RESOLVED
        and alert_id in known
        and known[alert_id].state is FIRING
        and "told" in row.labels
        and "once" not in row.labels
    ]


def _message(row: AlertRow, alerts: Mapping[str, AlertRow], now: datetime) -> AlertMessage:
    under = [other for other in alerts.values() if other.incident_id == row.id and other.id != row.id]
    under = [other for other in under if other.state is FIRING]
    body = row.body
    if under:
        body += "\nBecause of it: " + "; ".join(other.title for other in sorted(under, key=_order)) + "."
    return AlertMessage(
        id=stable_id(row.id, "firing", now.isoformat()),
        status="firing",
        severity=row.severity,
        title=row.title,
        body=body.strip(),
        remedy=row.remedy,
        starts_at=row.fired_at or row.state_since,
        labels=_labels(row),
    )


def _digest(rows: list[AlertRow], now: datetime) -> AlertMessage:
    return AlertMessage(
        id=stable_id("digest", now.isoformat()),
        status="firing",
        severity=rows[0].severity,
        title=f"{len(rows)} things are wrong at once",
        body="\n".join(f"{row.title}: {row.body}" for row in rows),
        remedy="See the alerts page, worst first.",
        starts_at=now,
        labels={"alertname": "storm"},
    )


def _labels(row: AlertRow) -> dict[str, str]:
    labels = {"alertname": row.rule, "alert_id": row.id, "part": row.labels.get("part", "")}
    return labels | ({"account": row.account_id} if row.account_id else {})


def _span(row: AlertRow) -> str:
    seconds = ((row.resolved_at or row.state_since) - (row.fired_at or row.state_since)).total_seconds()
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _time(text: str | None, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else otherwise
