"""Settings of publishing and its limits."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import DayPart, Duration
from stonechat.config.settings.section import DURATION, YES, Section, setting


class PostingSettings(Section):
    """Layer 4. Account time, but ``reconcile_*``, ``lease``, ``publish_timeout``, ``click_within``: real."""

    disabled: bool = setting("POSTING_DISABLED", False, YES)
    """Holds every post and reply on this host while it is `true`. Nothing is lost: what waits is counted and
    shown, and goes out later by LATE_POLICY. `stonechat pause` does the same at once on every host, without a
    restart."""
    grace: Duration = setting("POSTING_GRACE", timedelta(hours=2), DURATION)
    """How late a post may go out without being called late. What is later follows the account's LATE_POLICY.
    It is also how long posts may be due without one going out before the posting layer is unhealthy."""
    min_spacing: Duration = setting("POSTING_MIN_SPACING", timedelta(minutes=20), DURATION)
    """The least time between two posts of one account."""
    per_day: int = setting("POSTING_MAX_PER_DAY", 30, "a whole number from 1 to 500", ge=1, le=500)
    """The most posts of one account in any 24 hours, whatever the plan says. A thread counts once."""
    per_hour: int = setting("POSTING_MAX_PER_HOUR", 6, "a whole number from 1 to 100", ge=1, le=100)
    """The most posts, and separately the most replies, of one account in any hour."""
    in_all: int = setting("POSTING_MAX_TOTAL", 0, "a whole number; 0 for no limit; replies apart", ge=0)
    """The most posts that one account publishes in all; after that it holds. Replies do not count. 0 means no
    limit. For trial runs."""
    replies_per_day: int = setting("REPLIES_MAX_PER_DAY", 20, "a whole number from 0 to 500", ge=0, le=500)
    """The most replies of one account in any 24 hours. 0 sends none."""
    author_cooldown: Duration = setting("REPLY_AUTHOR_COOLDOWN", timedelta(days=3), DURATION)
    """How long an author who was answered is not answered again by the same account."""
    approval_expiry: Duration = setting("APPROVAL_EXPIRY", timedelta(days=2), DURATION)
    """How long content may wait for your approval; then it becomes `missed`. Never before its due time."""
    reconcile_grace: Duration = setting("RECONCILE_GRACE", timedelta(seconds=30), DURATION)
    """How long a post whose outcome is unknown is left alone before its absence on the network can be
    believed. A site needs a moment to show a new post. Shorter risks a second copy."""
    reconcile_limit: Duration = setting("RECONCILE_LIMIT", timedelta(hours=2), DURATION)
    """After how long without proof either way an unknown post is given up as failed and you are told. It is
    never sent again by itself."""
    lease: Duration = setting("POSTING_LEASE", timedelta(seconds=180), DURATION)
    """For how long a host owns a post that it is publishing. After that another host may look what became of
    it. Keep it longer than POSTING_TIMEOUT."""
    click_within: Duration = setting("POSTING_CLICK_WITHIN", timedelta(seconds=90), DURATION)
    """How long after its committed intent the publishing click may come. A later click is not made, since
    another host may hold the post by then. Keep it shorter than POSTING_LEASE."""
    publish_timeout: Duration = setting("POSTING_TIMEOUT", timedelta(seconds=120), DURATION)
    """How long publishing one post may take in all. After that its outcome is unknown and is looked up."""
    max_attempts: int = setting("POSTING_MAX_ATTEMPTS", 8, "a whole number from 1 to 50", ge=1, le=50)
    """After how many refusals a post is given up as failed, provided that other posts of the account went out
    meanwhile. While nothing goes out it waits, since the text is not the cause."""
    resends: int = setting("POSTING_RESENDS", 1, "0, 1 or 2 sendings more, then a human is asked", ge=0, le=2)
    """How often a post that was sent and then looked absent may be sent again. After that, or where the
    network calls it a duplicate and it cannot be found, it waits for you."""
    reply_spacing: Duration = setting("REPLY_MIN_SPACING", timedelta(minutes=5), DURATION)
    """The least time between two replies of one account."""
    quiet_hours: DayPart = setting(
        "POSTING_QUIET_HOURS",
        "",
        "two times of day such as 23:00-07:00, in the account's time zone; empty for none",
    )
    """A part of the day in which nothing is published, in the account's time zone; it may span midnight. What
    falls due in it goes out at its end."""
    warm_up: Duration = setting("POSTING_WARM_UP", timedelta(), DURATION)
    """For how long after it was added an account stays below its daily maximum: it starts at a tenth and
    reaches the whole at the end. 0 for none. Set a week or two for a new account, which networks watch
    closely."""
