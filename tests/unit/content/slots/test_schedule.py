"""The rhythm's rules hold for every plan, whatever the settings."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stonechat.content.arms import Arms, load_arms
from stonechat.content.slots import schedule
from stonechat.content.slots.schedule import Booked, Rhythm
from stonechat.content.slots.slot_allocation import Layout, Placed
from stonechat.core.model import Choice

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe")
DAYS_WITH_CHANGING_CLOCKS = (datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC))
ARMS = load_arms()


def any_rhythm(rng: random.Random) -> Rhythm:
    first = rng.randrange(0, 12)
    return Rhythm(
        per_day=rng.randint(1, 48),
        timezone=rng.choice(ZONES),
        spacing=timedelta(minutes=rng.choice((1, 10, 20, 45, 90))),
        active=(first, rng.randint(first + 6, 24)),
    )


def choices(arms: Arms, count: int, rng: random.Random, *, topics: int = 6) -> list[Choice]:
    learned = arms.learned()
    learned["topic"] = learned["topic"][:topics]
    return [
        Choice({n: rng.choice(levels) for n, levels in learned.items()}, 0.1, False, 1) for _ in range(count)
    ]


def broken_rules(rhythm: Rhythm, taken: list[Booked], plan: list[Placed], earliest: datetime) -> list[str]:
    zone = ZoneInfo(rhythm.timezone)
    every = sorted([*taken, *(one.booked for one in plan)], key=lambda one: one.due_at)
    broken = []
    for before, after in itertools.pairwise(every):
        if after.due_at - before.due_at < rhythm.spacing:
            broken.append(f"{after.due_at} is too close to {before.due_at}")
        if before.topic == after.topic:
            broken.append(f"{after.topic} twice in a row at {after.due_at}")
    days = [one.due_at.astimezone(zone).date() for one in every]
    broken += [f"{days.count(day)} posts on {day}" for day in set(days) if days.count(day) > rhythm.per_day]
    for one in plan:
        local = one.due_at.astimezone(zone)
        hours = ARMS.hours(one.choice.arm)
        if one.due_at < earliest or one.due_at.microsecond:
            broken.append(f"{one.due_at} is not a free whole second")
        if not rhythm.active[0] <= local.hour < rhythm.active[1]:
            broken.append(f"{local} is outside the active hours")
        if hours is None or not hours[0] <= local.hour < hours[1]:
            broken.append(f"{local} is not in {one.choice.arm['hour_block']}")
    return broken


@pytest.mark.parametrize("block", range(10))
def test_a_hundred_plans_at_random_settings_break_no_rule(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        rng = random.Random(seed)
        rhythm = any_rhythm(rng)
        now = rng.choice((NOW, *DAYS_WITH_CHANGING_CLOCKS)) + timedelta(minutes=rng.randrange(2880))
        taken: list[Booked] = []
        for _ in range(rng.randint(1, 3)):  # one plan on top of the other, as days go by
            layout = Layout(ARMS, rhythm, now + timedelta(minutes=5), now + timedelta(hours=24))
            missing = min(12, schedule.wanted(rhythm, taken, now, timedelta(hours=24)))
            wished = choices(ARMS, missing, rng, topics=rng.randint(2, 6))
            plan, left = layout.place(wished, taken, rng)
            for choice in left:
                moved = layout.displace(choice, [*taken, *(one.booked for one in plan)], rng)
                plan += [moved] if moved else []
            broken = broken_rules(rhythm, taken, plan, layout.earliest)
            assert not broken, (seed, rhythm, broken)
            taken += [one.booked for one in plan]
            now += timedelta(hours=rng.randint(1, 14))


def test_a_full_day_of_choices_finds_a_full_day_of_times_and_nearly_all_in_their_own_block() -> None:
    rng = random.Random(3)
    rhythm = Rhythm(per_day=8)
    layout = Layout(ARMS, rhythm, NOW, NOW + timedelta(hours=24))
    plan, left = layout.place(choices(ARMS, 8, rng), [], rng)
    assert len(plan) >= 7
    moved = [layout.displace(choice, [one.booked for one in plan], rng) for choice in left]
    assert None not in moved and len(plan) + len(moved) == 8


def test_a_moved_choice_carries_no_propensity_and_its_real_hour_block() -> None:
    rng = random.Random(1)
    rhythm = Rhythm(per_day=4, active=(9, 12))
    layout = Layout(ARMS, rhythm, NOW, NOW + timedelta(hours=24))
    night = Choice({"topic": "sleep", "hour_block": "night"}, 0.25, False, 3)
    plan, left = layout.place([night], [], rng)
    assert not plan and left == [night]
    moved = layout.displace(night, [], rng)
    assert moved is not None and moved.propensity is None
    assert moved.choice.arm["hour_block"] == "morning"


def test_the_queue_wants_a_days_worth_for_each_day_ahead() -> None:
    rhythm = Rhythm(per_day=8)
    ahead = [Booked(NOW + timedelta(hours=hour)) for hour in range(1, 4)]
    past = [Booked(NOW - timedelta(hours=2))]
    assert schedule.wanted(rhythm, ahead + past, NOW, timedelta(hours=24)) == 5
    assert schedule.wanted(rhythm, ahead, NOW, timedelta(hours=12)) == 1
    assert schedule.wanted(rhythm, ahead * 4, NOW, timedelta(hours=24)) == 0


def test_a_time_that_was_taken_meanwhile_no_longer_fits() -> None:
    rhythm = Rhythm(per_day=8)
    at = NOW + timedelta(hours=3)
    assert schedule.fits(rhythm, [], due_at=at, topic="sleep", earliest=NOW)
    near = [Booked(at + timedelta(minutes=19), "focus")]
    assert not schedule.fits(rhythm, near, due_at=at, topic="sleep", earliest=NOW)
    same = [Booked(at + timedelta(hours=1), "sleep")]
    assert not schedule.fits(rhythm, same, due_at=at, topic="sleep", earliest=NOW)
    assert schedule.fits(rhythm, same, due_at=at, topic="focus", earliest=NOW)
    assert not schedule.fits(rhythm, [], due_at=at, topic="focus", earliest=at + timedelta(seconds=1))


def drawn(rhythm: Rhythm, booked: list[Booked], now: datetime, hours: int) -> list[datetime]:
    """What a day without a model draws: a look every half hour, as the queue check does."""
    times = []
    for at in (now + timedelta(minutes=30 * n) for n in range(2 * hours)):
        until = at + timedelta(hours=6)
        while (due := schedule.next_in_rhythm(rhythm, booked, earliest=at, until=until)) is not None:
            assert at <= due <= until
            booked = [*booked, Booked(due, str(len(booked)))]
            times.append(due)
            assert len(times) <= 2 * hours, "it goes on drawing"
    return times


@pytest.mark.parametrize("late", [0, 2, 5, 40])
@pytest.mark.parametrize("per_day", [2, 8, 24])
def test_without_a_model_posts_follow_at_the_pace_whatever_was_missed(late: int, per_day: int) -> None:
    rhythm = Rhythm(per_day=per_day)
    times = drawn(rhythm, [Booked(NOW - timedelta(hours=late), "last")], NOW, 48)
    pace = timedelta(hours=24) / per_day
    steps = [after - before for before, after in itertools.pairwise(times)]
    assert len(steps) > per_day
    assert all(pace * 0.9 <= step <= pace * 1.3 for step in steps), "no burst, and no hole"
    assert abs(len(times) - 2 * per_day) <= per_day / 3 + 1


def test_a_rhythm_that_holds_is_left_alone() -> None:
    kept = [Booked(NOW + timedelta(hours=3 * n + 1), str(n)) for n in range(-2, 3)]
    until = NOW + timedelta(hours=6)
    assert schedule.next_in_rhythm(Rhythm(per_day=8), kept, earliest=NOW, until=until) is None


def test_one_topic_may_follow_itself_where_there_is_no_other() -> None:
    rhythm = Rhythm(per_day=8, one_topic=True)
    taken = [Booked(NOW + timedelta(hours=1), "sleep")]
    at = schedule.place(
        rhythm,
        taken,
        hours=None,
        topic="sleep",
        earliest=NOW,
        until=NOW + timedelta(hours=3),
        rng=random.Random(1),
    )
    assert at is not None
