"""Nothing critical stays untold for more than two minutes, whatever else burns.

The model knows only what is wrong at each moment and which messages were sent. For each critical trouble it
counts the time in which the owner knew of neither the trouble itself nor a cause of it: one by the
dependency graph, wrong at that very moment, at least as severe, and told. Pairs of the rules' findings go through a set
of courses, and random sets of them through random courses. ``STONECHAT_ALERT_HISTORIES=2000`` tries so many
sets, and every pair instead of every fourth.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stonechat.alerting import rules
from stonechat.alerting.event_rules import event_finding
from stonechat.alerting.finding import CRITICAL, Finding
from stonechat.alerting.state_machine import RANK, Timing
from stonechat.alerting.stock_rules import AccountStock, stock_findings
from stonechat.alerting.telling import look
from stonechat.core.events import (
    BudgetSpent,
    Event,
    LoopFailed,
    PostContradicted,
    PostEnded,
    PostReconciled,
    PostRefused,
    SelectorMoved,
)
from stonechat.core.ports import AlertMessage
from stonechat.core.states import BreakerState, LayerState, SessionState
from stonechat.database.repositories.accounts import SessionRow
from stonechat.database.repositories.alerts import AlertRow
from stonechat.jobs import JobStatus
from stonechat.monitoring import LayerHealth
from stonechat.monitoring.dependency_graph import NEEDS, explains
from stonechat.resilience.circuit_breaker import BreakerStatus

START = datetime(2026, 1, 5, tzinfo=UTC)
TIMING = Timing()
STEP = 5
BOUND = 120
LENGTH = 900
HISTORIES = int(os.environ.get("STONECHAT_ALERT_HISTORIES", "60"))


def layer(part: str, state: LayerState) -> Finding:
    [found] = rules.layer_findings([LayerHealth(part, state, START, "why", "", START)], "host")
    return replace(found, since=None)


def breaker(name: str, **values: object) -> list[Finding]:
    status = BreakerStatus(
        name=name,
        state=BreakerState.OPEN,
        since=START,
        why="no answer",
        who="breaker",
        calls=5,
        failures=5,
        consecutive=5,
        rejected=0,
        openings=1,
        opened_at=START,
        open_for=timedelta(minutes=20),
        retry_after=None,
        probe_overdue=timedelta(minutes=5),
        stuck=False,
    )
    status = replace(status, **values)  # type: ignore[arg-type]
    openings = [rules.BreakerOpened(name, 0.0)] * rules.FLAPS
    return [replace(one, since=None) for one in rules.breaker_findings([status], openings)]


def job(name: str, state: str, *, critical: bool, account: str = "x:a") -> Finding:
    status = JobStatus(name, account, timedelta(hours=1), START, None, None, state, "why", None, critical, "")
    [found] = rules.job_findings([status])
    return found


def session(account: str, state: SessionState, *, everybody: bool) -> Finding:
    others = [] if everybody else [SessionRow("x:other", SessionState.VALID, START, "")]
    [found] = rules.session_findings([SessionRow(account, state, START, "why"), *others])
    return found


def event(told: Event) -> Finding:
    found = event_finding(told)
    assert found is not None
    return found


def everything() -> Iterator[Finding]:
    """A finding of every rule, for every part and in every severity that it has."""
    for part in NEEDS:
        if part != "session":
            yield layer(part, LayerState.DOWN)
            yield layer(part, LayerState.DEGRADED)
    for account, state in itertools.product(("x:a", "x:b"), (SessionState.LOCKED, SessionState.RATE_LIMITED)):
        yield session(account, state, everybody=False)
        yield session(account, state, everybody=True)
    for name in ("posting/x_web", "network/x_web", "browser/host", "model"):
        yield from breaker(name)
        yield from breaker(name, stuck=True)
    yield from breaker("posting/y", state=BreakerState.FORCED_OPEN, stuck=True)
    for name in ("posting.sweep", "content.plan", "scraping.metrics", "learning.learn"):
        for critical in (True, False):
            yield job(name, "failing", critical=critical)
            yield job(name, "late", critical=critical)
    yield from rules.unclear_findings([rules.UnclearPost("x:a", "c1", timedelta(minutes=3))])
    for alone in (True, False):
        yield from rules.channel_findings([rules.ChannelTrouble("webhook", START, "404.", alone)])
    yield from stock_findings([AccountStock("x:a", "a", 0, 0, 1, 5, True)])
    yield event(SelectorMoved(network="x_web", missing="the send button"))
    yield event(BudgetSpent(account_id="x:a", share=1.0, period="day"))
    yield event(BudgetSpent(account_id="x:a", share=0.8, period="day"))
    yield event(PostContradicted(account_id="x:a", content_id="c1", why="why"))
    yield event(PostReconciled(account_id="x:a", content_id="c1", verdict="undecided"))
    yield event(PostRefused(account_id="x:a", content_id="c1", why="why", permanent=True))
    yield event(PostEnded(account_id="x:a", content_id="c1", kind="single", state="missed", why="why"))
    yield event(LoopFailed(loop="monitoring.board", why="why"))


ALL = tuple(everything())


def explained_by(effect: Finding, cause: Finding) -> bool:
    """What the owner may be told of instead."""
    if not cause.root or effect.once or RANK[cause.severity] > RANK[effect.severity]:
        return False
    if cause.account_id not in (None, effect.account_id) and not cause.everybody:
        return False
    return not effect.root if cause.part == effect.part else explains(cause.part, effect.part)


@dataclass
class Watcher:
    """Looks at what is wrong, keeps what was sent, and counts for how long the owner knew nothing."""

    alerts: Mapping[str, AlertRow] = field(default_factory=dict)
    sent: list[AlertMessage] = field(default_factory=list)
    now: datetime = START
    in_the_dark: dict[str, int] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    heard: set[str] = field(default_factory=set)

    def look(self, wrong: Sequence[Finding]) -> None:
        result = look(self.alerts, self._findings(wrong), self.now, TIMING, "host")
        self.alerts, said = result.alerts, result.messages
        self.sent += said
        wrong_ids = {one.alert_id for one in wrong}
        over = {row.id for row in self.alerts.values() if row.fired_at is None or row.resolved_at is not None}
        self.told -= over
        for message in said:
            text = f"{message.title}\n{message.body}"
            self.told |= {one.alert_id for one in ALL if one.title in text}
        self.in_the_dark = {key: value for key, value in self.in_the_dark.items() if key in wrong_ids}
        for one in wrong:
            if one.severity == CRITICAL:
                self._count(one, wrong)
        self.now += timedelta(seconds=STEP)

    def _findings(self, wrong: Sequence[Finding]) -> list[Finding]:
        """A condition is found at every look, an event once."""
        fresh = [one for one in wrong if not one.lasts or one.alert_id not in self.heard]
        self.heard |= {one.alert_id for one in wrong if one.lasts}
        return fresh

    def _count(self, one: Finding, wrong: Sequence[Finding]) -> None:
        knows = one.alert_id in self.told or any(
            other.alert_id in self.told and explained_by(one, other) for other in wrong
        )
        dark = 0 if knows else self.in_the_dark.get(one.alert_id, 0) + STEP
        self.in_the_dark[one.alert_id] = dark
        assert dark <= BOUND + STEP, f"{one.title} was untold for {dark} s; told: {self.titles()}"

    def titles(self) -> list[str]:
        return [f"{message.status} {message.title}" for message in self.sent]


Course = Sequence[tuple[int, int]]
"""From when to when something is wrong, in seconds."""


def run(courses: Sequence[tuple[Finding, Course]], *, length: int = LENGTH) -> Watcher:
    watcher = Watcher()
    for second in range(0, length, STEP):
        watcher.look([one for one, spans in courses if any(a <= second < b for a, b in spans)])
    return watcher


ALWAYS: Course = [(100, LENGTH)]
BEFORE: Mapping[str, Course] = {
    "all the time": [(0, LENGTH)],
    "mended shortly before": [(0, 99)],
    "for too short to fire, again and again": [(n, n + 8) for n in range(0, LENGTH, 25)],
    "coming and going": [(n, n + 60) for n in range(0, LENGTH, 120)],
    "after it": [(140, 300)],
}


@pytest.mark.parametrize("course", BEFORE.values(), ids=list(BEFORE))
def test_no_finding_hides_another_one_of_any_rule(course: Course) -> None:
    critical = [one for one in ALL if one.severity == CRITICAL]
    pairs = [
        (other, one) for other, one in itertools.product(ALL, critical) if other.alert_id != one.alert_id
    ]
    every = 1 if HISTORIES >= 1000 else 4
    for other, one in pairs[list(BEFORE.values()).index(course) % every :: every]:
        run([(other, course), (one, ALWAYS)], length=320)


def test_the_end_of_one_that_came_back_while_its_group_went_on_is_told() -> None:
    """The group was told, this one was over and waited for the other to be over too, and came back."""
    mine, other = (
        next(one for one in ALL if (one.about, one.variant) == (about, "locked")) for about in ("x:a", "x:b")
    )
    watcher = run([(other, [(0, 21)]), (mine, [(0, 16), (36, 41)])])
    assert [said.status for said in watcher.sent] == ["firing", "resolved"]
    ended = watcher.sent[-1]
    assert mine.title in f"{ended.title}{ended.body}" and other.title in f"{ended.title}{ended.body}"


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Finding, Course]]:
    findings = draw(
        st.lists(st.sampled_from(ALL), min_size=1, max_size=7, unique_by=lambda one: one.alert_id)
    )
    courses: list[tuple[Finding, Course]] = []
    for one in findings:
        starts = draw(st.lists(st.integers(0, LENGTH), min_size=1, max_size=6))
        spans = [(at, at + draw(st.integers(STEP, 400))) for at in starts]
        courses.append((one, spans))
    return courses


@settings(max_examples=HISTORIES, deadline=None)
@given(histories())
def test_whatever_burns_for_however_long_nothing_critical_stays_untold(
    courses: list[tuple[Finding, Course]],
) -> None:
    watcher = run(courses)
    for _ in range(0, 4 * 3600, 60):
        watcher.now += timedelta(seconds=60 - STEP)
        watcher.look([])
    for one, _ in courses:
        about = [n for n, said in enumerate(watcher.sent) if said.labels.get("alert_id") == one.alert_id]
        if about and not one.once:
            later = [said for said in watcher.sent[about[-1] :] if said.status == "resolved"]
            ends = [said for said in later if one.title in f"{said.title}\n{said.body}"]
            assert ends or later[:1] == watcher.sent[about[-1] :][:1], (
                f"the end of {one.title} was never told"
            )
