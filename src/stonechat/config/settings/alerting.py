"""Settings of where the owner is told."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import DayPart, Duration, HttpUrl, TimeZone, Words
from stonechat.config.settings.section import DURATION, HTTP, Section, setting


class AlertingSettings(Section):
    """Where the owner is told. Durations are real time."""

    urls: Words = setting(
        "ALERT_URLS",
        (),
        'apprise addresses, separated by commas; one that holds a comma as "…", or a TOML list',
    )
    """Where alerts go, as Apprise addresses: mail, Telegram, Slack, ntfy and many more. Each address gets
    every alert. `stonechat doctor` checks that they can be read."""
    webhook_url: HttpUrl | None = setting("ALERT_WEBHOOK_URL", None, HTTP)
    """An address that gets each alert as JSON in the form of Alertmanager's webhook (version 4)."""
    heartbeat_url: HttpUrl | None = setting("HEARTBEAT_URL", None, HTTP)
    """An outside service that is called every minute while alerting works, and raises the alarm when the
    calls stop. The only thing that notices a machine that is gone: set it for every account that matters."""
    group_wait: Duration = setting("ALERT_GROUP_WAIT", timedelta(seconds=10), DURATION)
    """How long an alert waits for others with the same cause, so that they come as one message."""
    repeat: Duration = setting("ALERT_REPEAT", timedelta(hours=4), DURATION)
    """After how long an alert that still fires and that nobody has acknowledged is sent again."""
    escalate_urls: Words = setting("ALERT_ESCALATE_URLS", (), "apprise addresses, separated by commas")
    """Who is told when nobody acknowledges: each address gets a critical alert that was told ALERT_URLS and
    was not acknowledged for ALERT_ESCALATE_AFTER, once, and its end."""
    escalate_after: Duration = setting("ALERT_ESCALATE_AFTER", timedelta(minutes=30), DURATION)
    """After how long without an acknowledgement a critical alert goes to ALERT_ESCALATE_URLS too."""
    quiet_hours: DayPart = setting(
        "ALERT_QUIET_HOURS",
        "",
        "two times of day such as 22:00-07:00, in ALERT_TIMEZONE; empty for none",
    )
    """A part of the day in which only critical alerts are sent. Warnings wait for its end, and are sent then
    if they still hold. It may span midnight."""
    timezone: TimeZone = setting("ALERT_TIMEZONE", "UTC", "an IANA time zone such as Europe/Vienna")
    """Where you sleep: the time zone of ALERT_QUIET_HOURS."""
