"""What reaches whom and when: quiet hours, escalation, and what every message says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from stonechat.alerting.channels import alertmanager_body, text_of
from stonechat.alerting.delivery import Delivery
from stonechat.alerting.finding import CRITICAL, WARNING, Finding
from stonechat.alerting.state_machine import Timing
from stonechat.alerting.telling import look
from stonechat.core.clock import SystemClock
from stonechat.core.ports import AlertMessage
from stonechat.core.quiet_hours import quiet_hours
from stonechat.database.repositories.alerts import AlertRow
from stonechat.monitoring.catalogue.rules import PARTS, RULES, meaning
from stonechat.monitoring.dependency_graph import NEEDS

EVENING = datetime(2026, 1, 5, 21, 55, tzinfo=UTC)
QUIET = quiet_hours("22:00-07:00", "UTC")


def finding(severity: str) -> Finding:
    return Finding("layer", "cache", "cache", severity, "Cache is degraded", "Redis is away.", "Look.")


class OnCall:
    """The alerts of one process, looked at every ten seconds."""

    def __init__(self, timing: Timing, at: datetime = EVENING) -> None:
        self.timing, self.now = timing, at
        self.rows: dict[str, AlertRow] = {}
        self.told: list[tuple[datetime, AlertMessage]] = []

    def until(self, at: datetime, *found: Finding) -> list[str]:
        before = len(self.told)
        while self.now < at:
            result = look(self.rows, found, self.now, self.timing, "h")
            self.rows = dict(result.alerts)
            self.told += [(self.now, message) for message in result.messages]
            self.now += timedelta(seconds=10)
        return [f"{message.status} {message.title}" for _, message in self.told[before:]]

    def acknowledge(self) -> None:
        self.rows = {key: replace(row, acked_by="robin") for key, row in self.rows.items()}


def at(hour: int, minute: int = 0, *, day: int = 5) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def test_a_warning_of_the_night_is_told_in_the_morning_and_only_if_it_lasts() -> None:
    desk = OnCall(Timing(quiet=QUIET), at(22, 30))
    assert desk.until(at(7, day=6), finding(WARNING)) == []
    assert desk.until(at(7, 1, day=6), finding(WARNING)) == ["firing Cache is degraded"]
    passing = OnCall(Timing(quiet=QUIET), at(22, 30))
    passing.until(at(23), finding(WARNING))
    assert passing.until(at(8, day=6)) == []


def test_what_is_critical_is_told_at_night_and_so_is_its_end() -> None:
    desk = OnCall(Timing(quiet=QUIET), at(23))
    assert desk.until(at(23, 5), finding(CRITICAL)) == ["firing Cache is degraded"]
    assert desk.until(at(23, 10)) == ["resolved Over: Cache is degraded"]


def test_a_warning_that_was_told_in_the_evening_is_over_in_the_morning() -> None:
    desk = OnCall(Timing(quiet=QUIET))
    assert desk.until(at(22, 30), finding(WARNING)) == ["firing Cache is degraded"]
    assert desk.until(at(6, 59, day=6)) == []
    assert desk.until(at(7, 1, day=6)) == ["resolved Over: Cache is degraded"]


def test_what_is_critical_and_acknowledged_by_nobody_goes_to_others_once_and_so_does_its_end() -> None:
    desk = OnCall(Timing(escalate=timedelta(minutes=30)))
    told = desk.until(EVENING + timedelta(hours=2), finding(CRITICAL))
    assert told == ["firing Cache is degraded", "firing Nobody has acknowledged: Cache is degraded"]
    assert desk.told[1][0] - desk.told[0][0] >= timedelta(minutes=29)
    desk.until(EVENING + timedelta(hours=2, minutes=5))
    assert [message.escalated for _, message in desk.told] == [False, True, True]


@pytest.mark.parametrize("severity", [CRITICAL, WARNING])
def test_what_is_acknowledged_or_a_warning_goes_to_nobody_else(severity: str) -> None:
    desk = OnCall(Timing(escalate=timedelta(minutes=30)))
    desk.until(EVENING + timedelta(minutes=5), finding(severity))
    if severity == CRITICAL:
        desk.acknowledge()
    assert desk.until(EVENING + timedelta(hours=2), finding(severity)) == []


class Channel:
    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, message: AlertMessage) -> None:
        """Takes everything."""


def names(messages: Sequence[AlertMessage]) -> list[list[str]]:
    delivery = Delivery([Channel("owner")], SystemClock(), None, deputies=[Channel("deputy")])
    return [[row.channel for row in delivery.rows([one], EVENING)] for one in messages]


def test_each_message_goes_to_those_it_is_for() -> None:
    desk = OnCall(Timing(escalate=timedelta(minutes=30)))
    desk.until(EVENING + timedelta(hours=1), finding(CRITICAL))
    desk.until(EVENING + timedelta(hours=1, minutes=5))
    assert names([message for _, message in desk.told]) == [["owner"], ["deputy"], ["owner", "deputy"]]
    calm = OnCall(Timing(escalate=timedelta(minutes=30)))
    calm.until(EVENING + timedelta(minutes=5), finding(CRITICAL))
    calm.until(EVENING + timedelta(minutes=10))
    assert names([message for _, message in calm.told]) == [["owner"], ["owner"]]


def test_a_message_says_what_since_when_the_effect_what_is_done_what_to_do_and_where() -> None:
    desk = OnCall(Timing())
    desk.until(EVENING + timedelta(minutes=2), finding(CRITICAL))
    [(_, message)] = desk.told
    text = text_of(message, "https://bird.example")
    for part in (
        "Redis is away.",
        "Since 2026-01-05 21:55 UTC.",
        PARTS["cache"].effect,
        PARTS["cache"].doing,
    ):
        assert part in text
    assert "What to do: Look." in text
    assert text.endswith(f"https://bird.example/alerts#alert-{message.labels['alert_id']}")
    body = alertmanager_body(message, EVENING, "https://bird.example")
    assert body["externalURL"] == "https://bird.example"
    assert body["alerts"][0]["generatorURL"].startswith("https://bird.example/alerts#alert-")
    assert PARTS["cache"].effect in json.dumps(body)


@pytest.mark.parametrize("part", sorted({*NEEDS, "alerting"}))
def test_every_rule_says_of_every_part_what_it_means_and_what_is_done(part: str) -> None:
    for rule in RULES:
        meant = meaning(rule, part)
        assert meant.effect and meant.doing and meant.page.startswith("/"), (rule, part)
