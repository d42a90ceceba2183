"""The alerts, one look after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stonechat.alerting.finding import CRITICAL, WARNING, Finding
from stonechat.alerting.state_machine import LookResult, Timing
from stonechat.alerting.telling import look
from stonechat.core.ports import AlertMessage
from stonechat.core.states import AlertState
from stonechat.database.repositories.alerts import AlertRow

START = datetime(2026, 1, 5, tzinfo=UTC)
TIMING = Timing(
    group_wait=timedelta(seconds=10), repeat=timedelta(hours=4), clear_after=timedelta(seconds=15)
)


def layer(name: str, severity: str = CRITICAL, wait: int = 0, **values: object) -> Finding:
    base = Finding(
        "layer", name, name, severity, f"{name} is down", "why", "do", timedelta(seconds=wait), root=True
    )
    return replace(base, **values)  # type: ignore[arg-type]


class Desk:
    """Looks every second and keeps what was sent."""

    def __init__(self) -> None:
        self.alerts: dict[str, AlertRow] = {}
        self.sent: list[AlertMessage] = []
        self.now = START

    def look(self, *findings: Finding) -> LookResult:
        result = look(self.alerts, findings, self.now, TIMING, "host")
        self.alerts = dict(result.alerts)
        self.sent += result.messages
        return result

    def for_seconds(self, seconds: int, findings: Iterable[Finding] = ()) -> None:
        findings = tuple(findings)
        for _ in range(seconds):
            self.look(*findings)
            self.now += timedelta(seconds=1)

    def states(self) -> dict[str, str]:
        return {row.title.split()[0]: row.state.value for row in self.alerts.values()}

    def titles(self) -> list[str]:
        return [message.title for message in self.sent]


def test_what_passes_within_its_wait_is_never_told() -> None:
    desk = Desk()
    desk.for_seconds(19, [layer("browser", wait=20)])
    assert desk.states() == {"browser": "pending"}
    desk.for_seconds(16)
    assert desk.states() == {"browser": "inactive"}
    desk.for_seconds(60)
    assert desk.sent == []


def test_what_one_process_of_a_machine_sees_and_another_does_not_fires_and_is_told_once() -> None:
    desk, browser = Desk(), layer("browser", wait=20)
    for _ in range(40):  # they look in turn, each every two seconds
        desk.for_seconds(1, [browser])
        desk.for_seconds(1)
    assert desk.states() == {"browser": "firing"}
    assert desk.titles() == ["browser is down"]
    desk.for_seconds(30)
    assert desk.titles() == ["browser is down", "Over: browser is down"]


def test_what_lasts_is_told_once_and_its_end_is_told_too() -> None:
    desk = Desk()
    desk.for_seconds(600, [layer("browser", wait=20)])
    assert desk.titles() == ["browser is down"]
    desk.for_seconds(30)
    assert desk.titles() == ["browser is down", "Over: browser is down"]
    assert desk.sent[1].body == "It lasted 10 min."


def test_a_cascade_is_one_message_that_names_the_cause_and_what_it_explains() -> None:
    desk = Desk()
    effects = [layer("posting"), layer("scraping", WARNING), layer("harvesting", WARNING)]
    desk.for_seconds(5, effects)
    desk.for_seconds(60, [*effects, layer("browser")])
    assert desk.titles() == ["browser is down"]
    assert "posting is down; harvesting is down; scraping is down" in desk.sent[0].body
    assert len({row.incident_id for row in desk.alerts.values()}) == 1
    desk.for_seconds(60)
    assert desk.titles() == ["browser is down", "Over: browser is down"]


def test_a_cause_that_is_only_pending_holds_nothing_back() -> None:
    desk = Desk()
    desk.for_seconds(15, [layer("posting"), layer("browser", wait=30)])
    assert desk.titles() == ["posting is down"]


def test_an_effect_that_outlasts_its_cause_becomes_an_incident_of_its_own() -> None:
    desk = Desk()
    desk.for_seconds(30, [layer("posting"), layer("browser")])
    desk.for_seconds(60, [layer("posting")])
    assert desk.titles() == ["browser is down", "Over: browser is down"]
    desk.for_seconds(30, [layer("posting")])
    assert desk.titles()[-1] == "posting is down"


def test_a_warning_further_down_does_not_hide_something_critical() -> None:
    desk = Desk()
    desk.for_seconds(30, [layer("cache", WARNING), layer("posting")])
    assert set(desk.titles()) == {"cache is down", "posting is down"}


def test_a_breaker_is_listed_under_the_part_that_it_guards() -> None:
    desk = Desk()
    breaker = Finding("breaker_open", "network/x", "network", WARNING, "breaker open", "", "")
    desk.for_seconds(30, [layer("network"), breaker])
    assert desk.titles() == ["network is down"]


def test_a_short_gap_does_not_end_an_alert() -> None:
    desk = Desk()
    for _ in range(20):
        desk.for_seconds(10, [layer("browser")])
        desk.for_seconds(10)
    assert desk.titles() == ["browser is down"]


def test_nobody_answers_so_it_is_repeated_and_acknowledging_ends_that() -> None:
    desk = Desk()
    desk.for_seconds(60, [layer("browser")])
    desk.now += timedelta(hours=4)
    desk.look(layer("browser"))
    assert len(desk.sent) == 2
    (row,) = desk.alerts.values()
    desk.alerts[row.id] = replace(row, acked_by="owner")
    desk.now += timedelta(hours=9)
    desk.look(layer("browser"))
    assert len(desk.sent) == 2


def test_silence_holds_the_message_and_not_the_alert() -> None:
    desk = Desk()
    desk.look(layer("browser"))
    (row,) = desk.alerts.values()
    desk.alerts[row.id] = replace(row, silenced_until=START + timedelta(minutes=5))
    desk.for_seconds(290, [layer("browser")])
    assert (desk.titles(), desk.states()) == ([], {"browser": "firing"})
    desk.for_seconds(20, [layer("browser")])
    assert desk.titles() == ["browser is down"]


def test_what_gets_worse_is_told_again() -> None:
    desk = Desk()
    desk.for_seconds(60, [layer("posting", WARNING, title="posting is degraded")])
    desk.for_seconds(60, [layer("posting")])
    assert desk.titles() == ["posting is degraded", "posting is down"]


def test_an_occurrence_is_told_once_and_its_end_is_not() -> None:
    desk = Desk()
    desk.for_seconds(100, [layer("content", WARNING, once=True)])
    desk.now += timedelta(hours=5)
    desk.for_seconds(10, [layer("content", WARNING, once=True)])
    desk.for_seconds(60)
    assert desk.titles() == ["content is down"]


def test_it_can_fire_again_after_it_was_resolved() -> None:
    desk = Desk()
    for _ in range(3):
        desk.for_seconds(30, [layer("browser")])
        desk.for_seconds(12 * 60)
    assert desk.titles() == ["browser is down", "Over: browser is down"] * 3
    assert len({message.id for message in desk.sent}) == 6


def test_a_storm_is_one_message() -> None:
    desk = Desk()
    sessions = [
        Finding("session", f"x:{n}", "session", CRITICAL, f"session {n}", "expired", "") for n in range(20)
    ]
    desk.for_seconds(30, sessions)
    assert desk.titles() == ["20 things are wrong at once"]
    assert "session 19" in desk.sent[0].body


def test_what_only_another_host_sees_is_left_to_it_until_it_is_lost() -> None:
    desk = Desk()
    for _ in range(30):
        desk.look(layer("browser", host="other"))
        desk.now += timedelta(seconds=1)
    desk.for_seconds(120)
    assert desk.states() == {"browser": "firing"}
    desk.for_seconds(400)
    assert desk.states() == {"browser": "resolved"}


def test_a_restart_holds_the_message_for_the_group_wait_too() -> None:
    desk = Desk()
    desk.look(layer("posting"))
    desk.now += timedelta(seconds=5)
    restarted = Desk()
    restarted.alerts, restarted.now = desk.alerts, desk.now
    restarted.look(layer("posting"), layer("browser"))
    restarted.for_seconds(30, [layer("posting"), layer("browser")])
    assert restarted.titles() == ["browser is down"]


def test_a_look_that_finds_nothing_new_changes_nothing() -> None:
    desk = Desk()
    desk.for_seconds(60, [layer("browser")])
    assert desk.look(layer("browser")).changed == ()
    assert AlertState.FIRING in {row.state for row in desk.alerts.values()}


def test_a_part_that_goes_down_and_up_each_minute_is_one_incident_told_about_once_an_hour() -> None:
    desk = Desk()
    for _ in range(120):
        desk.for_seconds(30, [layer("browser", wait=12)])
        desk.for_seconds(30)
    told = desk.titles()
    assert len(told) <= 7
    assert told[4] == "browser is down, again and again"
    assert "It comes and goes: 3 times since 00:00 UTC" in desk.sent[4].body
    assert desk.states() == {"browser": "firing"}
    (row,) = desk.alerts.values()
    assert "At this moment it is well" in row.body
    desk.for_seconds(16 * 60)
    assert desk.sent[-1].title == "Over: browser is down, again and again"
    assert "It came and went 120 times" in desk.sent[-1].body
    assert len([title for title in desk.titles() if title.startswith("Over")]) == 3


def sessions(count: int, state: str = "expired") -> list[Finding]:
    return [
        Finding(
            "session_trouble",
            f"x:{n}",
            "session",
            CRITICAL,
            f"The session of x:{n} is {state}",
            "the log-in page came",
            "log in",
            account_id=f"x:{n}",
            root=True,
            group="session_trouble",
            variant=state,
        )
        for n in range(count)
    ]


def test_eight_accounts_that_are_logged_out_at_once_are_one_message_and_so_is_their_return() -> None:
    desk = Desk()
    desk.for_seconds(10, sessions(4))
    desk.for_seconds(60, sessions(8))
    assert desk.titles() == ["The session of x:0 is expired, and 7 more like this"]
    assert "The session of x:7 is expired" in desk.sent[0].body
    desk.for_seconds(40, sessions(3))
    assert len(desk.sent) == 1
    desk.for_seconds(40)
    assert desk.titles()[1:] == ["Over: The session of x:0 is expired, and 7 more like this"]


def test_the_ninth_account_is_told_in_a_message_of_its_own() -> None:
    desk = Desk()
    desk.for_seconds(60, sessions(8))
    desk.for_seconds(60, sessions(9))
    assert desk.titles()[1:] == ["The session of x:8 is expired"]


def test_one_accounts_session_explains_nothing_about_another_account() -> None:
    desk = Desk()
    job = Finding(
        "job_failing", "j", "scraping", CRITICAL, "scraping fails for x:1", "", "", account_id="x:1"
    )
    own = replace(job, about="k", title="scraping fails for x:0", account_id="x:0")
    desk.for_seconds(60, [*sessions(1), job, own])
    assert desk.titles() == ["scraping fails for x:1", "The session of x:0 is expired"]


def silence(desk: Desk, minutes: int = 60) -> None:
    for row in desk.alerts.values():
        track = replace(row.tracking, silenced_at=(row.severity, row.tracking.variant))
        until = desk.now + timedelta(minutes=minutes)
        desk.alerts[row.id] = replace(row, silenced_until=until, tracking=track)


def test_a_silence_ends_with_the_incident() -> None:
    desk = Desk()
    desk.for_seconds(60, sessions(1))
    silence(desk)
    desk.for_seconds(60)
    desk.for_seconds(60, sessions(1))
    assert desk.titles()[-1] == "The session of x:0 is expired"
    assert len(desk.sent) == 3


def test_a_silence_covers_nothing_that_gets_worse_or_becomes_something_else() -> None:
    desk = Desk()
    desk.for_seconds(60, sessions(1))
    silence(desk)
    desk.for_seconds(60, sessions(1, "locked"))
    assert desk.titles() == ["The session of x:0 is expired", "The session of x:0 is locked"]
    other = Desk()
    other.for_seconds(60, [layer("posting", WARNING)])
    silence(other)
    other.for_seconds(60, [layer("posting", CRITICAL)])
    assert len(other.sent) == 2


def test_what_gets_better_and_worse_again_is_not_told_again() -> None:
    desk = Desk()
    for _ in range(10):
        desk.for_seconds(30, [layer("posting")])
        desk.for_seconds(30, [layer("posting", WARNING)])
    assert len(desk.sent) == 1


def test_what_fires_says_what_is_so_now_and_since_when_the_trouble_lasts() -> None:
    desk = Desk()
    began = START - timedelta(minutes=3)
    desk.for_seconds(60, [layer("posting", since=began, body="1 post is late")])
    desk.for_seconds(5, [layer("posting", since=began, body="9 posts are late", title="posting is dead")])
    (row,) = desk.alerts.values()
    assert (row.title, row.body) == ("posting is dead", "9 posts are late")
    assert desk.sent[0].starts_at == began
    desk.for_seconds(30)
    assert desk.sent[1].body == "It lasted 4 min."


def test_an_event_explains_nothing_and_is_explained_by_nothing() -> None:
    desk = Desk()
    told = layer("posting", once=True, root=False, lasts=timedelta(hours=1), title="a post was refused")
    desk.look(told)
    desk.for_seconds(60, [layer("browser"), layer("scraping")])
    assert sorted(desk.titles()) == ["a post was refused", "browser is down"]


def test_what_is_found_again_and_again_by_events_is_one_incident_with_its_end() -> None:
    desk = Desk()
    moved = layer("network", root=False, lasts=timedelta(minutes=2), title="the button is gone")
    for _ in range(10):
        desk.look(moved)
        desk.for_seconds(60)
    assert desk.titles() == ["the button is gone"]
    desk.for_seconds(120)
    assert desk.titles()[1:] == ["Over: the button is gone"]


def test_what_cannot_be_told_now_is_not_over() -> None:
    desk = Desk()
    desk.for_seconds(60, [layer("posting")])
    (alert_id,) = desk.alerts
    for _ in range(300):
        result = look(desk.alerts, [], desk.now, TIMING, "host", {alert_id})
        desk.alerts, desk.now = dict(result.alerts), desk.now + timedelta(seconds=1)
        desk.sent += result.messages
    assert desk.states() == {"posting": "firing"}
    assert len(desk.sent) == 1


def test_what_was_there_long_before_is_no_effect() -> None:
    desk = Desk()
    old = layer("learning", WARNING, root=False)
    desk.for_seconds(400, [replace(old, wait=timedelta(minutes=6))])
    desk.for_seconds(60, [replace(old, wait=timedelta(minutes=6)), layer("scraping", WARNING)])
    assert "Because of it" not in desk.sent[-1].body
    assert set(desk.titles()) == {"learning is down", "scraping is down"}


def test_what_is_over_is_what_was_told() -> None:
    desk = Desk()
    desk.for_seconds(60, [layer("database")])
    desk.for_seconds(30, [layer("database", WARNING, title="database is degraded")])
    desk.for_seconds(60)
    assert desk.titles() == ["database is down", "Over: database is down"]
