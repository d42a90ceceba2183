"""A time is read by the account's own clocks, and one that does not exist is not guessed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stonechat.content.slots.requested_time import read_time, shown_time
from stonechat.core.errors import Permanent

VIENNA = "Europe/Vienna"
WINTER = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""10:00 in Vienna."""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("now", WINTER),
        ("18:30", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("10:00", datetime(2026, 1, 6, 9, 0, tzinfo=UTC)),  # that moment is over: tomorrow
        ("2026-03-28 18:30", datetime(2026, 3, 28, 17, 30, tzinfo=UTC)),
        ("2026-03-29 18:30", datetime(2026, 3, 29, 16, 30, tzinfo=UTC)),  # clocks are an hour on
        ("2026-03-29T18:30:00+00:00", datetime(2026, 3, 29, 18, 30, tzinfo=UTC)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice: the first
        ("2026-10-25 02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # the second, by its offset
        ("18.30", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("18h30", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("18h", datetime(2026, 1, 5, 17, 0, tzinfo=UTC)),
        ("18:30:15", datetime(2026, 1, 5, 17, 30, 15, tzinfo=UTC)),
        ("9:00", datetime(2026, 1, 6, 8, 0, tzinfo=UTC)),
        ("6pm", datetime(2026, 1, 5, 17, 0, tzinfo=UTC)),
        ("6:30 p.m.", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("12am", datetime(2026, 1, 5, 23, 0, tzinfo=UTC)),
        ("12 PM", datetime(2026, 1, 5, 11, 0, tzinfo=UTC)),
        (" tomorrow   9:30 ", datetime(2026, 1, 6, 8, 30, tzinfo=UTC)),
        ("Today 18:30", datetime(2026, 1, 5, 17, 30, tzinfo=UTC)),
        ("friday 6pm", datetime(2026, 1, 9, 17, 0, tzinfo=UTC)),
        ("mon 09:30", datetime(2026, 1, 12, 8, 30, tzinfo=UTC)),  # it is Monday, and that has passed
        ("mon 11:30", datetime(2026, 1, 5, 10, 30, tzinfo=UTC)),
        ("in 90m", datetime(2026, 1, 5, 10, 30, tzinfo=UTC)),
        ("in 1h 30 min", datetime(2026, 1, 5, 10, 30, tzinfo=UTC)),
        ("+2h", datetime(2026, 1, 5, 11, 0, tzinfo=UTC)),
        ("18:30 UTC", datetime(2026, 1, 5, 18, 30, tzinfo=UTC)),
        ("18:30 America/New_York", datetime(2026, 1, 5, 23, 30, tzinfo=UTC)),
        ("2026-03-28 18.30 Europe/London", datetime(2026, 3, 28, 18, 30, tzinfo=UTC)),
        ("2026-03-28T18:30Z", datetime(2026, 3, 28, 18, 30, tzinfo=UTC)),
        ("20260328T183000", datetime(2026, 3, 28, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_the_accounts_own(given: str, meant: datetime) -> None:
    assert read_time(given, VIENNA, WINTER) == meant


def test_a_time_of_day_is_the_next_one_across_a_change_of_clocks() -> None:
    evening = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # 21:00; clocks go forward this night
    assert read_time("07:00", VIENNA, evening) == datetime(2026, 3, 29, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("2026-03-29 02:30", "clocks are put forward"),
        ("2026-01-05 09:30", "has passed"),
        ("2025-12-31 23:59", "has passed"),
        ("2026-03-29", "is no time"),
        ("18:30Z", "is no time"),
        ("soon", "is no time"),
        ("", "is no time"),
        ("tomorrow", "is no time"),
        ("in", "is no time"),
        ("in 1 month", "is no time"),
        ("in 999999 weeks", "is no time"),
        ("13pm", "is no time"),
        ("18.5", "is no time"),
        ("18:3", "is no time"),
        ("1830", "is no time"),
        ("18:30 Europe/Atlantis", "is no time"),
        ("18:30 ../etc/passwd", "is no time"),
        ("9999-12-31 23:59-12:00", "is no time"),
        ("\u0661\u0662:00", "is no time"),
        ("9", "could be 9:00 or 21:00"),
        ("tomorrow 9", "could be tomorrow 9:00 or tomorrow 21:00"),
        ("03/04/2026 9:00", "could be day 3 of month 4, or day 4 of month 3"),
        ("25:00", "is no time"),
    ],
)
def test_what_is_no_time_to_come_is_refused_with_the_reason(given: str, why: str) -> None:
    with pytest.raises(Permanent, match=why):
        read_time(given, VIENNA, WINTER)


SPRING = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
"""23:00 in Vienna; at 2:00 clocks show 3:00."""

AUTUMN = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
"""Midnight in Vienna; at 3:00 clocks show 2:00 once more."""


def test_a_time_that_this_night_skips_is_said_and_the_night_after_has_it() -> None:
    with pytest.raises(Permanent, match="no 02:30 on 2026-03-29 in Europe/Vienna: clocks are put forward"):
        read_time("02:30", VIENNA, SPRING)
    after = datetime(2026, 3, 29, 8, 0, tzinfo=UTC)
    assert read_time("02:30", VIENNA, after) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("given", ["02:30", "2:30am", "2026-10-25 02:30", "sunday 02:30"])
def test_a_time_that_comes_twice_is_the_first_that_has_not_passed(given: str) -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert read_time(given, VIENNA, AUTUMN) == first
    assert read_time(given, VIENNA, first + timedelta(minutes=10)) == second


def test_of_a_time_that_comes_twice_it_is_said_which() -> None:
    shown = [shown_time(datetime(2026, 10, 25, hour, 30, tzinfo=UTC), VIENNA) for hour in (0, 1, 2)]
    assert shown == [
        "2026-10-25 02:30+02:00 Europe/Vienna",
        "2026-10-25 02:30+01:00 Europe/Vienna",
        "2026-10-25 03:30 Europe/Vienna",
    ]


@given(
    now=st.timedeltas(timedelta(), timedelta(days=365)).map(lambda later: WINTER + later),
    of_day=st.times(),
    zone=st.sampled_from([VIENNA, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_a_time_of_day_is_soon_and_shows_what_was_asked_for(now: datetime, of_day: time, zone: str) -> None:
    asked = f"{of_day:%H:%M}"
    try:
        at = read_time(asked, zone, now)
    except Permanent as refusal:
        assert "clocks are put forward" in str(refusal)
        return
    assert f"{at.astimezone(ZoneInfo(zone)):%H:%M}" == asked
    assert timedelta() < at - now <= timedelta(hours=49)


@given(given=st.text("0123456789:.-+TZ/apm \u00e4inhdw", max_size=20) | st.text(max_size=12))
def test_whatever_is_written_is_a_time_or_refused_with_a_sentence(given: str) -> None:
    try:
        assert read_time(given, VIENNA, WINTER).tzinfo is not None
    except Permanent as refusal:
        assert str(refusal)
