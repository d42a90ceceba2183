"""Which messages follow from the alerts: one for an incident, a group or a storm, and one for its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from stonechat.alerting.finding import CRITICAL, Finding
from stonechat.alerting.state_machine import (
    FIRING,
    PENDING,
    LookResult,
    Timing,
    advance,
    began,
    is_silenced,
    is_true,
    is_untold,
    order,
)
from stonechat.core.ids import stable_id
from stonechat.core.ports import AlertMessage
from stonechat.core.states import AlertState
from stonechat.database.repositories.alerts import AlertRow
from stonechat.monitoring.catalogue.rules import PartMeaning, meaning

STORM = 5
"""More new incidents than this at one moment are told in one message."""

GATHERING = timedelta(seconds=15)
"""A group is told when no alert has joined it for so long: what ends eight sessions is not seen at once."""

GATHERED = timedelta(seconds=45)
"""... and at the latest so long after the first."""

GROUP_PAUSE = {CRITICAL: timedelta(seconds=45)}
OTHER_PAUSE = timedelta(minutes=5)
"""Between two messages about new members of one group: by severity, and otherwise."""


def look(
    known: Mapping[str, AlertRow],
    findings: Iterable[Finding],
    now: datetime,
    timing: Timing,
    host: str,
    undecided: Collection[str] = (),
) -> LookResult:
    """Take the alerts one step further, and say what is to be told.

    Args:
        undecided: ids of alerts of which nothing is known at this moment: not found, and not over either.
    """
    alerts = advance(known, findings, now, timing, host, undecided)
    quiet = timing.quiet is not None and timing.quiet.ends(now) is not None
    messages = [
        *_beginnings(alerts, now, timing, quiet=quiet),
        *_escalations(alerts, now, timing),
        *_ends(alerts, quiet=quiet),
    ]
    changed = tuple(row for alert_id, row in alerts.items() if known.get(alert_id) != row)
    return LookResult(alerts, changed, tuple(messages))


def _beginnings(
    alerts: dict[str, AlertRow], now: datetime, timing: Timing, *, quiet: bool
) -> list[AlertMessage]:
    """Messages for incidents that are new, and for those that nobody has acknowledged for long.

    Args:
        quiet: only what is critical is told now; the rest is told when the quiet hours end, if it lasts.
    """
    groups = _groups(
        row
        for row in alerts.values()
        if _may_be_told(row, now, timing) and not (quiet and row.severity != CRITICAL)
    )
    new = {key: [row for row in rows if is_untold(row)] for key, rows in groups.items()}
    due = [rows for key, rows in new.items() if rows and _is_due(rows, alerts, now)]
    told_now = {row.id for rows in due for row in rows}
    for rows in groups.values():
        again = [row for row in rows if row.id not in told_now and _repeats(row, now, timing)]
        if again and not any(row.id in told_now for row in rows):
            due.append([row for row in rows if not is_untold(row)])
    for row in (row for rows in due for row in rows):
        track = replace(row.tracking, told_at=now, told_as=(row.severity, row.tracking.variant, row.title))
        alerts[row.id] = replace(row, tracking=track)
    if len(due) > STORM:
        return [_digest([row for rows in due for row in rows], now)]
    return [_message(rows, alerts, now) for rows in sorted(due, key=lambda rows: order(rows[0]))]


def _escalations(alerts: dict[str, AlertRow], now: datetime, timing: Timing) -> list[AlertMessage]:
    """Messages about what is critical, was told, and was acknowledged by nobody for too long; once each."""
    late = [row for row in alerts.values() if _may_be_told(row, now, timing) and _is_unseen(row, now, timing)]
    messages = []
    for rows in _groups(late).values():
        for row in rows:
            alerts[row.id] = replace(row, tracking=replace(row.tracking, escalated_at=now))
        message = _message(rows, alerts, now)
        title = f"Nobody has acknowledged: {message.title}"
        messages.append(replace(message, id=f"{message.id}-escalated", title=title, escalated=True))
    return messages


def _is_unseen(row: AlertRow, now: datetime, timing: Timing) -> bool:
    track = row.tracking
    if timing.escalate is None or row.severity != CRITICAL or row.acked_by or track.escalated_at:
        return False
    return track.told_at is not None and now - (row.fired_at or now) >= timing.escalate


def _may_be_told(row: AlertRow, now: datetime, timing: Timing) -> bool:
    return is_true(row, now, timing) and row.incident_id == row.id and not is_silenced(row, now)


def _is_due(rows: Sequence[AlertRow], alerts: Mapping[str, AlertRow], now: datetime) -> bool:
    """Whether the new members of a group (or the one alert that is told alone) are told now."""
    if all(row.tracking.tell_at is not None and now < row.tracking.tell_at for row in rows):
        return False
    group = rows[0].tracking.group
    if not group:
        return True
    fired = [row.fired_at or row.state_since for row in rows]
    told = [
        row.tracking.told_at
        for row in alerts.values()
        if row.state is FIRING and row.tracking.group == group and row.tracking.told_at is not None
    ]
    pause = min(GROUP_PAUSE.get(row.severity, OTHER_PAUSE) for row in rows)
    if told and now - max(told) < pause:
        return False
    return now - max(fired) >= GATHERING or now - min(fired) >= GATHERED


def _repeats(row: AlertRow, now: datetime, timing: Timing) -> bool:
    track = row.tracking
    if track.told_at is None or is_untold(row) or row.acked_by or track.once:
        return False
    every = min(timing.repeat, timing.flap_repeat) if track.flapping else timing.repeat
    return now - track.told_at >= every


def _ends(alerts: dict[str, AlertRow], *, quiet: bool) -> list[AlertMessage]:
    """Messages for incidents that were told and are over; a group is over when the last of it is."""
    over = _groups(
        row
        for row in alerts.values()
        if row.state is AlertState.RESOLVED
        and row.tracking.told_at is not None
        and not (quiet and row.severity != CRITICAL)
    )
    live = {_key(row) for row in alerts.values() if row.state is FIRING and row.tracking.told_at is not None}
    messages = []
    for key, rows in over.items():
        if key in live:
            continue
        for row in rows:
            alerts[row.id] = replace(row, tracking=replace(row.tracking, told_at=None))
        lasting = [row for row in rows if not row.tracking.once]
        if lasting:
            messages.append(_end(lasting))
    return messages


def _groups(rows: Iterable[AlertRow]) -> dict[str, list[AlertRow]]:
    found: dict[str, list[AlertRow]] = {}
    for row in sorted(rows, key=order):
        found.setdefault(_key(row), []).append(row)
    return found


def _key(row: AlertRow) -> str:
    return row.tracking.group or row.id


def _message(rows: Sequence[AlertRow], alerts: Mapping[str, AlertRow], now: datetime) -> AlertMessage:
    first = rows[0]
    ids = {row.id for row in rows}
    under = [
        other
        for other in alerts.values()
        if other.incident_id in ids and other.id not in ids and other.state in (FIRING, PENDING)
    ]
    lines = [first.body] if len(rows) == 1 else [f"{row.title}: {row.body}" for row in rows]
    if under:
        lines.append(f"Because of it: {'; '.join(other.title for other in sorted(under, key=order))}.")
    return AlertMessage(
        id=stable_id(first.id, "firing", now.isoformat()),
        status="firing",
        severity=first.severity,
        title=_title(rows),
        body="\n".join(line for line in lines if line).strip(),
        remedy=first.remedy,
        starts_at=min(began(row) for row in rows),
        labels=_labels(first),
        effect=_meant(first).effect,
        doing=_meant(first).doing,
        page=_meant(first).page,
    )


def _meant(row: AlertRow) -> PartMeaning:
    """What it means for the account, what is done by itself, and where to look."""
    return meaning(row.rule, row.tracking.part)


def _end(rows: Sequence[AlertRow]) -> AlertMessage:
    first = rows[0]
    start = min(began(row) for row in rows)
    end = max(row.resolved_at or row.state_since for row in rows)
    several = "".join(f"\n{row.tracking.told_as[2]}" for row in rows) if len(rows) > 1 else ""
    often = f" It came and went {len(first.tracking.firings)} times." if first.tracking.flapping else ""
    return AlertMessage(
        id=stable_id(first.id, "resolved", (first.fired_at or first.state_since).isoformat()),
        status="resolved",
        severity=first.severity,
        title=f"Over: {_title([replace(row, title=row.tracking.told_as[2]) for row in rows])}",
        body=f"It lasted {_span(end - start)}.{often}{several}",
        remedy="",
        starts_at=start,
        labels=_labels(first),
        page=_meant(first).page,
        escalated=any(row.tracking.escalated_at is not None for row in rows),
    )


def _title(rows: Sequence[AlertRow]) -> str:
    return rows[0].title if len(rows) == 1 else f"{rows[0].title}, and {len(rows) - 1} more like this"


def _digest(rows: list[AlertRow], now: datetime) -> AlertMessage:
    rows = sorted(rows, key=order)
    return AlertMessage(
        id=stable_id("digest", now.isoformat()),
        status="firing",
        severity=rows[0].severity,
        title=f"{len(rows)} things are wrong at once",
        body="\n".join(f"{row.title}: {row.body}" for row in rows),
        remedy="See the alerts page, worst first.",
        starts_at=min(began(row) for row in rows),
        labels={"alertname": "storm", "alert_id": rows[0].id},
        effect=_meant(rows[0]).effect,
        doing=_meant(rows[0]).doing,
    )


def _labels(row: AlertRow) -> dict[str, str]:
    track = row.tracking
    labels = {"alertname": row.rule, "alert_id": row.id, "part": track.part, "about": track.about}
    return labels | ({"account": row.account_id} if row.account_id else {})


def _span(lasted: timedelta) -> str:
    seconds = max(lasted.total_seconds(), 0.0)
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
