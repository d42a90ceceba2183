"""Settings of looking for posts worth a reply."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import Duration, Phrases
from stonechat.config.settings.section import DURATION, Section, setting


class HarvestingSettings(Section):
    """Layer 9. Durations are account time."""

    queries: Phrases = setting(
        "HARVEST_QUERIES",
        (),
        "search queries, separated by commas outside of quotation marks, or a TOML list",
    )
    """What is searched for to find posts worth a reply. Without any, posts are found by mentions, watched
    authors and likes alone."""
    viral_likes: int = setting("HARVEST_VIRAL_LIKES", 300, "a whole number, 0 or more", ge=0)
    """From how many likes a post counts as widely read, for the search for such posts."""
    author_followers_min: int = setting("HARVEST_FOLLOWERS_MIN", 20, "a whole number, 0 or more", ge=0)
    """Posts by authors with fewer followers are left alone, unless they spoke to the account."""
    author_followers_max: int = setting("HARVEST_FOLLOWERS_MAX", 0, "a whole number; 0 for no limit", ge=0)
    """Posts by authors with more followers are left alone, unless they spoke to the account: an answer to
    somebody with millions is read by nobody."""
    freshness: Duration = setting("HARVEST_FRESHNESS", timedelta(hours=24), DURATION)
    """How old a post may be to be worth a reply. Older opportunities expire."""
    pool_low: int = setting("HARVEST_POOL_LOW", 200, "a whole number, 0 or more", ge=0)
    """With fewer open reply opportunities than this, an account's pool is called low, and an alert says so.
    """
    pool_high: int = setting("HARVEST_POOL_HIGH", 300, "a whole number, 1 or more", ge=1)
    """With this many open reply opportunities searching pauses. Those who spoke to the account first are
    always taken in."""
