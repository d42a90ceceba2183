"""The table ``alerts``: what fired, and what the alert engine remembers of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from stonechat.core.states import AlertState
from stonechat.core.transitions import check_transition
from stonechat.database.repositories import state_history
from stonechat.database.schema.tables import alerts as table


@dataclass(frozen=True, slots=True)
class AlertTracking:
    """What the alert engine remembers about an alert from one look to the next. All times are real time.

    Attributes:
        part: where it stands in the dependency graph.
        group: alerts of one group are told in one message; empty where it is told alone.
        host: the host that alone can see it; empty where every host sees the same.
        about: what distinguishes it from other alerts of its rule.
        root: it is about the part as a whole, and may explain other alerts.
        everybody: though it is about one account, every other one is in the same trouble.
        once: an event rather than a condition: its end is not told.
        variant: which of several kinds of the same trouble; a change is told again.
        began_at: when the trouble began, which is before it fired.
        turned_at: when it last became worse or something else.
        until: it is true until then though nobody finds it again (an event).
        seen_at: when its own host last saw it.
        gone_since: since when it is no longer found, though it still fires.
        tell_at: when it is to be told, if nothing explains it by then.
        told_at: when it was last told; None where it was not, in this incident.
        told_as: severity, variant and title of what was told.
        firings: when it fired lately.
        flapping: it comes and goes, and is one incident until it stays away.
        silenced_at: severity and variant at which it was silenced.
        escalated_at: when those were told who hear of what nobody acknowledges, in this incident.
    """

    part: str = ""
    group: str = ""
    host: str = ""
    about: str = ""
    root: bool = False
    everybody: bool = False
    once: bool = False
    variant: str = ""
    began_at: datetime | None = None
    turned_at: datetime | None = None
    until: datetime | None = None
    seen_at: datetime | None = None
    gone_since: datetime | None = None
    tell_at: datetime | None = None
    told_at: datetime | None = None
    told_as: tuple[str, ...] = ()
    firings: tuple[datetime, ...] = ()
    flapping: bool = False
    silenced_at: tuple[str, ...] = ()
    escalated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert: a rule and what it is about. All times are real time.

    Attributes:
        incident_id: id of the alert that explains this one; its own where it is the cause itself.
        silenced_until: no messages until then; ends with the incident, and before that where it gets worse.
    """

    id: str
    rule: str
    state: AlertState
    state_since: datetime
    severity: str
    title: str
    body: str
    remedy: str
    account_id: str | None = None
    incident_id: str | None = None
    fired_at: datetime | None = None
    resolved_at: datetime | None = None
    acked_by: str | None = None
    silenced_until: datetime | None = None
    tracking: AlertTracking = field(default_factory=AlertTracking)


async def every(connection: AsyncConnection, *, lock: bool = False) -> dict[str, AlertRow]:
    """All alerts by id; ``lock``: nobody changes them until the transaction ends."""
    query = select(table).order_by(table.c.id)
    rows = await connection.execute(query.with_for_update() if lock else query)
    return {row.id: _alert(row) for row in rows}


async def find(connection: AsyncConnection, alert_id: str, *, lock: bool = False) -> AlertRow | None:
    """The alert, or None; with ``lock`` nobody else can change it before this transaction ends."""
    query = select(table).where(table.c.id == alert_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else _alert(row)


async def ids_from(connection: AsyncConnection, beginning: str) -> list[str]:
    """Up to two ids that begin so: whether a beginning names one alert."""
    query = select(table.c.id).where(table.c.id.startswith(beginning, autoescape=True)).limit(2)
    return [row[0] for row in await connection.execute(query)]


async def newest(connection: AsyncConnection, *, limit: int = 50) -> list[AlertRow]:
    """Firing ones first, then by time of their last change."""
    first = case((table.c.state == AlertState.FIRING.value, 0), else_=1)
    rows = await connection.execute(
        select(table)
        .where(table.c.state != AlertState.INACTIVE.value)
        .order_by(first, table.c.state_since.desc(), table.c.id)
        .limit(limit)
    )
    return [_alert(row) for row in rows]


async def save(connection: AsyncConnection, row: AlertRow, before: AlertRow | None, *, why: str) -> None:
    """Write one alert; as :func:`save_all`."""
    await save_all(connection, [AlertStep(row, before, why)])


@dataclass(frozen=True, slots=True)
class AlertStep:
    """An alert as it is to be written; ``before`` is how it is stored, None where it is not."""

    row: AlertRow
    before: AlertRow | None
    why: str


async def save_all(connection: AsyncConnection, steps: Sequence[AlertStep]) -> None:
    """Write alerts, all at once; each change of state is checked and appended to the history (real time).

    Two steps of the same alert follow each other.
    """
    await state_history.append_all(connection, [line for step in steps if (line := _change(step))])
    last = {step.row.id: step.row for step in steps}
    stored = {step.row.id: step.before for step in reversed(steps)}
    added = [{"id": key, **_values(row)} for key, row in last.items() if stored[key] is None]
    if added:
        await connection.execute(insert(table), added)
    for names, rows in _changed(last, stored).items():
        query = update(table).where(table.c.id == bindparam("row_id"))
        await connection.execute(query.values({name: bindparam(name) for name in names}), rows)


def _changed(
    last: Mapping[str, AlertRow], stored: Mapping[str, AlertRow | None]
) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """What is no longer as it is stored, by the columns that differ: many alerts change in the same ones.

    What is as it was is not written: somebody may have acknowledged an alert since it was read.
    """
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, row in last.items():
        before = stored[key]
        if before is None:
            continue
        old = _values(before)
        new = {name: value for name, value in _values(row).items() if value != old[name]}
        if new:
            found.setdefault(tuple(new), []).append({"row_id": key, **new})
    return found


def _change(step: AlertStep) -> dict[str, Any] | None:
    row, before = step.row, AlertState.INACTIVE if step.before is None else step.before.state
    if before is row.state:
        return None
    check_transition(before, row.state)
    return {
        "kind": "alert",
        "entity_id": row.id,
        "account_id": row.account_id,
        "at": row.state_since,
        "who": "alerting",
        "before": before.value,
        "after": row.state.value,
        "why": step.why,
    }


def _values(row: AlertRow) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "rule": row.rule,
        "state": row.state.value,
        "state_since": row.state_since,
        "severity": row.severity,
        "title": row.title,
        "body": row.body,
        "remedy": row.remedy,
        "labels": _stored(row.tracking),
        "incident_id": row.incident_id,
        "fired_at": row.fired_at,
        "resolved_at": row.resolved_at,
        "acked_by": row.acked_by,
        "silenced_until": row.silenced_until,
    }


async def acknowledge(connection: AsyncConnection, alert_id: str, *, who: str) -> None:
    """It is known to ``who``: no repeats."""
    await connection.execute(update(table).where(table.c.id == alert_id).values(acked_by=who))


async def silence(connection: AsyncConnection, alert_id: str, *, until: datetime | None) -> bool:
    """No messages about this incident until then (real time), None lifts it; False where none is under way.

    It covers what the alert is now: where that gets worse or becomes something else, it is told again.
    """
    query = select(table).where(table.c.id == alert_id).with_for_update()
    row = (await connection.execute(query)).one_or_none()
    if row is None or (until is not None and row.state not in _UNDER_WAY):
        return False
    alert = _alert(row)
    at = () if until is None else (alert.severity, alert.tracking.variant)
    labels = _stored(replace(alert.tracking, silenced_at=at))
    await connection.execute(
        update(table).where(table.c.id == alert_id).values(silenced_until=until, labels=labels)
    )
    return True


def _alert(row: Row[Any]) -> AlertRow:
    return AlertRow(
        id=row.id,
        rule=row.rule,
        state=AlertState(row.state),
        state_since=row.state_since,
        severity=row.severity,
        title=row.title,
        body=row.body,
        remedy=row.remedy,
        account_id=row.account_id,
        incident_id=row.incident_id,
        fired_at=row.fired_at,
        resolved_at=row.resolved_at,
        acked_by=row.acked_by,
        silenced_until=row.silenced_until,
        tracking=_tracking(row.labels),
    )


_UNDER_WAY = (AlertState.PENDING.value, AlertState.FIRING.value)
_TIMES = frozenset(
    {"began_at", "turned_at", "until", "seen_at", "gone_since", "tell_at", "told_at", "escalated_at"}
)


def _stored(tracking: AlertTracking) -> dict[str, Any]:
    """As JSON, without what is as it is at first."""
    found = {one.name: getattr(tracking, one.name) for one in fields(tracking)}
    found = {name: value for name, value in found.items() if value not in (None, "", False, ())}
    for name, value in found.items():
        if name in _TIMES:
            found[name] = value.isoformat()
        elif name == "firings":
            found[name] = [at.isoformat() for at in value]
    return found


def _tracking(stored: Mapping[str, Any]) -> AlertTracking:
    """The opposite of :func:`_stored`; what an older version wrote and this one does not know is left out."""
    known = {one.name for one in fields(AlertTracking)}
    found = {name: value for name, value in stored.items() if name in known}
    for name, value in found.items():
        if name in _TIMES:
            found[name] = datetime.fromisoformat(value)
        elif name == "firings":
            found[name] = tuple(datetime.fromisoformat(at) for at in value)
        elif name in ("told_as", "silenced_at"):
            found[name] = tuple(value)
        elif name in ("once", "root", "everybody", "flapping"):
            found[name] = bool(value)
    return AlertTracking(**found)
