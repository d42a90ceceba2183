"""Alerts: somebody sees to one, wants no messages about it for a while, or tries whether they arrive.

A silence belongs to an alert that fires or is about to, has a length, and can be lifted; the alert engine
ends it with the incident (:mod:`stonechat.alerting.state_machine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stonechat.config.fields import parse_duration
from stonechat.core.errors import Conflict, InvalidInput, NotFound, Permanent, Transient
from stonechat.core.ports import AlertChannel, AlertMessage
from stonechat.core.states import AlertState
from stonechat.database.repositories import alerts
from stonechat.database.repositories.alerts import AlertRow
from stonechat.owner.action import Action, Done, Owner, reason
from stonechat.owner.naming import alert_named

SILENCE = timedelta(hours=4)
"""Where no length is given. Real time."""

LONGEST_SILENCE = timedelta(days=7)

TEST_LIMIT = timedelta(seconds=40)
"""Real time that a channel has for a test message."""


@dataclass(frozen=True, slots=True)
class ChannelAnswer:
    """What became of a test message; ``error`` is empty where the other side has taken it."""

    channel: str
    error: str = ""


_LIVE = frozenset({AlertState.PENDING, AlertState.FIRING})


def length_of(given: str) -> timedelta:
    """A length as it is written: ``30m``, ``4h``, ``2d``; nothing is the usual one.

    Raises:
        InvalidInput: it is none.
    """
    try:
        return timedelta(seconds=parse_duration(given).total_seconds()) if given.strip() else SILENCE
    except (ValueError, OverflowError):
        raise _no_length() from None


async def acknowledge(owner: Owner, alert_id: str, *, why: str = "") -> Done[AlertRow]:
    """Somebody sees to it: it is not repeated.

    Raises:
        NotFound: there is no such alert.
        Conflict: it does not fire.
    """
    because = reason(why)
    async with owner.act("alerts.acknowledge") as action:
        alert = await _live(action, alert_id)
        await alerts.acknowledge(action.connection, alert.id, who=action.who)
        before = f"acknowledged by {alert.acked_by}" if alert.acked_by else "not acknowledged"
        said = f"It is not repeated: {alert.title}"
        return await _done(action, alert, said, before, f"acknowledged by {action.who}", because)


async def silence(
    owner: Owner, alert_id: str, *, length: timedelta = SILENCE, why: str = ""
) -> Done[AlertRow]:
    """No messages about it for so long (real time), or until its incident is over.

    Raises:
        NotFound: there is no such alert.
        Conflict: it does not fire.
        InvalidInput: the length is none, or longer than a week.
    """
    if not timedelta() < length <= LONGEST_SILENCE:
        raise _no_length()
    because = reason(why)
    async with owner.act("alerts.silence") as action:
        alert = await _live(action, alert_id)
        until = owner.clock.wall() + length
        await alerts.silence(action.connection, alert.id, until=until)
        said = f"Silent until {until:%Y-%m-%d %H:%M} UTC or until it is over: {alert.title}"
        return await _done(action, alert, said, _silent(alert.silenced_until), _silent(until), because)


async def unsilence(owner: Owner, alert_id: str, *, why: str = "") -> Done[AlertRow]:
    """Lift a silence: messages about it are sent again.

    Raises:
        NotFound: there is no such alert.
    """
    because = reason(why)
    async with owner.act("alerts.unsilence") as action:
        alert = await alert_named(action.connection, alert_id)
        await alerts.silence(action.connection, alert.id, until=None)
        said = "It is told again" if alert.silenced_until else "It was not silenced"
        before = _silent(alert.silenced_until)
        return await _done(action, alert, f"{said}: {alert.title}", before, _silent(None), because)


async def try_channels(
    owner: Owner, channels: Sequence[AlertChannel], name: str = "", *, why: str = ""
) -> Done[tuple[ChannelAnswer, ...]]:
    """Send a test message through each channel, or the one of that name, and say which of them took it.

    Raises:
        NotFound: no channel has that name, or there is none.
    """
    because = reason(why)
    asked = [channel for channel in channels if name in ("", channel.name)]
    if not asked:
        known = ", ".join(channel.name for channel in channels)
        raise NotFound(
            f"There is no alert channel {name[:60]!r}." if known else "There is no alert channel.",
            meaning="Nothing was sent.",
            remedy=f"Known: {known}." if known else "Set ALERT_URLS or ALERT_WEBHOOK_URL.",
        )
    answers = tuple(await asyncio.gather(*(_tried(owner, channel) for channel in asked)))
    said = "\n".join(f"{one.channel}: {one.error or 'took the test message'}" for one in answers)
    async with owner.act("alerts.test") as action:
        after = "taken" if not any(one.error for one in answers) else "not taken"
        target = name or "all channels"
        return await action.done(answers, target, said=said, after=after, why=because)


async def _tried(owner: Owner, channel: AlertChannel) -> ChannelAnswer:
    now = owner.clock.wall()
    message = AlertMessage(
        id=f"test-{now.timestamp():.0f}",
        status="firing",
        severity="info",
        title="A test message: alerts reach you here",
        body=f"Asked for by {owner.who}. Nothing is wrong.",
        remedy="Nothing.",
        starts_at=now,
        labels={"alertname": "test", "alert_id": "test"},
        effect="None.",
        doing="Nothing.",
    )
    try:
        async with asyncio.timeout(TEST_LIMIT.total_seconds()):
            await channel.send(message)
    except (Permanent, Transient) as exc:
        return ChannelAnswer(channel.name, " ".join(filter(None, (exc.what, exc.remedy))))
    except TimeoutError:
        return ChannelAnswer(channel.name, f"No answer within {TEST_LIMIT.total_seconds():g} s.")
    return ChannelAnswer(channel.name)


def _no_length() -> InvalidInput:
    return InvalidInput(
        "A silence lasts more than nothing and at most 7 days.",
        meaning="Nothing was changed.",
        remedy="Give a length such as 30m, 4h or 2d.",
    )


async def _live(action: Action, alert_id: str) -> AlertRow:
    alert = await alert_named(action.connection, alert_id)
    if alert.state not in _LIVE:
        raise Conflict(
            f"The alert is {alert.state.value}: {alert.title}",
            meaning="Nothing was changed: what is over has no messages.",
            remedy="`stonechat alerts` lists what fires.",
        )
    return alert


async def _done(
    action: Action, alert: AlertRow, said: str, before: str, after: str, why: str
) -> Done[AlertRow]:
    stored = await alerts.find(action.connection, alert.id)
    return await action.done(
        stored or alert,
        alert.id,
        said=said,
        before=before,
        after=after,
        why=f"{alert.title}{f': {why}' if why else ''}",
        account_id=alert.account_id,
    )


def _silent(until: datetime | None) -> str:
    return f"silent until {until:%Y-%m-%d %H:%M} UTC" if until else "told"
