"""Settings of reading how posts do, and how much is read."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import DayPart, Duration
from stonechat.config.settings.section import DURATION, Section, setting


class ScrapingSettings(Section):
    """Layer 8. Durations are account time."""

    follow_for: Duration = setting("METRICS_FOLLOW_FOR", timedelta(days=7), DURATION)
    """For how long after its publication a post's metrics are read. Keep it longer than LEARNING_MATURITY, or
    nothing is learned."""
    page_posts: int = setting("METRICS_PAGE_POSTS", 200, "a whole number from 20 to 400", ge=20, le=400)
    """How many of the account's newest posts one load of its profile scrolls through at most. Older ones are
    searched for, or opened one by one. Lower it for a slow connection."""


class ReadingSettings(Section):
    """Layers 8 and 9: how much of the network is read for an account. Account time.

    Publishing, and looking up what became of a post, are not held by this."""

    loads_per_hour: int = setting("READ_LOADS_PER_HOUR", 12, "a whole number from 1 to 1000", ge=1, le=1000)
    """The most pages that one account opens to read in an hour. Above three quarters of it nothing is
    searched for any more; what remains is for metrics, and for those who speak to the account."""
    loads_per_day: int = setting("READ_LOADS_PER_DAY", 110, "a whole number from 1 to 10000", ge=1, le=10000)
    """The most pages that one account opens to read in 24 hours, searches included; divided like
    READ_LOADS_PER_HOUR. Raise it only on a network that welcomes it: reading much is what gives a program
    away."""
    searches_per_day: int = setting(
        "READ_SEARCHES_PER_DAY", 60, "a whole number from 0 to 1000", ge=0, le=1000
    )
    """The most searches of one account for posts to answer in 24 hours. 0 searches for none."""
    quiet_hours: DayPart = setting(
        "READ_QUIET_HOURS",
        "01:00-06:00",
        "two times of day such as 23:00-07:00, in the account's time zone; empty for none",
    )
    """A part of the day in which nothing is read, in the account's time zone. What falls due in it is read
    before or after. Publishing has its own, POSTING_QUIET_HOURS."""
