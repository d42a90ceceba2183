"""Arrival of engagement."""

from __future__ import annotations

import math

import numpy as np

from stonechat_aviary.audience import VIEWS_SHOWN_AFTER, Engagement, arrival_curve, draw_engagement
from stonechat_aviary.chance import chance

MORNING = 1_767_600_000.0
HOUR = 3600.0


def drawn(key: int = 1, log_interactions: float = 4.0, at: float = MORNING) -> Engagement:
    return draw_engagement(chance(7, key), at, log_interactions)


def test_counts_never_go_down_and_end_at_the_totals() -> None:
    engagement = drawn()
    rows = [engagement.at_time(MORNING + hour * HOUR) for hour in range(0, 80, 2)]
    for name in ("likes", "reposts", "replies", "quotes", "bookmarks"):
        counts = [getattr(row, name) for row in rows]
        assert counts == sorted(counts)
    last = rows[-1]
    assert (last.likes, last.reposts, last.replies, last.quotes, last.bookmarks) == engagement.totals


def test_interactions_in_the_end_are_the_outcome() -> None:
    assert sum(drawn(log_interactions=4.0).totals) == round(math.exp(4.0))


def test_nearly_all_has_arrived_after_48_hours_and_little_in_the_first_minutes() -> None:
    shares = [
        float(np.interp(hours * HOUR, np.linspace(0, 60 * HOUR, 241), arrival_curve(MORNING)))
        for hours in (0.2, 6, 48)
    ]
    assert shares[0] < 0.1
    assert 0.3 < shares[1] < 0.85
    assert shares[2] > 0.95


def test_a_post_at_night_is_seen_later_than_one_at_noon() -> None:
    midnight = MORNING - 8 * HOUR
    after_two_hours = 8  # quarter hours
    assert arrival_curve(midnight)[after_two_hours] < arrival_curve(midnight + 12 * HOUR)[after_two_hours]


def test_a_new_post_shows_no_views_and_an_older_one_at_least_its_interactions() -> None:
    engagement = drawn()
    assert engagement.at_time(MORNING + VIEWS_SHOWN_AFTER - 1).views is None
    later = engagement.at_time(MORNING + 48 * HOUR)
    assert later.views is not None
    assert later.views >= later.likes + later.reposts + later.replies


def test_views_are_heavy_tailed_over_posts() -> None:
    rng = chance(7, "outcomes")
    views = [drawn(key, 3.6 + float(rng.standard_normal())).views for key in range(300)]
    assert np.mean(views) > 1.4 * np.median(views)


def test_a_viral_post_counts_by_its_curve_without_drawing_every_event() -> None:
    engagement = drawn(log_interactions=11.0)
    assert engagement.arrivals[0] is None
    assert engagement.at_time(MORNING + 70 * HOUR).likes == engagement.totals[0]


def test_the_same_key_draws_the_same_events() -> None:
    at = MORNING + 5 * HOUR
    assert drawn(3).at_time(at) == drawn(3).at_time(at)
    assert drawn(3).totals != drawn(4).totals
