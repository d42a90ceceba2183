"""Settings of the job manager."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import DatabaseUrl, Duration
from stonechat.config.settings.section import DURATION, Section, setting


class JobsSettings(Section):
    """Layer 2. Durations are real time."""

    engine_url: DatabaseUrl | None = setting(
        "JOBS_DATABASE_URL", None, "a database address; beside the main database by default"
    )
    """Where the job engine keeps its own tables. By default beside the main database: another file on SQLite,
    another schema on PostgreSQL. Set it only where the engine must live on another server."""
    workers_browser: int = setting("JOBS_BROWSER_WORKERS", 3, "a whole number from 1 to 20", ge=1, le=20)
    """How many runs that use the browser this host works on at once. More than BROWSER_CONTEXTS gains
    nothing."""
    workers_model: int = setting("JOBS_MODEL_WORKERS", 2, "a whole number from 1 to 50", ge=1, le=50)
    """How many runs that call the language model this host works on at once. Raise it with many accounts;
    lower it where the endpoint limits concurrent calls."""
    workers_database: int = setting("JOBS_DATABASE_WORKERS", 4, "a whole number from 1 to 50", ge=1, le=50)
    """How many runs that need only the database (learning, sweeps, pruning) this host works on at once."""
    heartbeat: Duration = setting("JOBS_HEARTBEAT", timedelta(seconds=1), DURATION)
    """How often a host says that it is alive."""
    takeover_after: Duration = setting("JOBS_TAKEOVER_AFTER", timedelta(seconds=5), DURATION)
    """After how long without a heartbeat another host takes over what this one was running. Keep it several
    times JOBS_HEARTBEAT; raise it where machines stall for seconds, at the price of a later take-over."""
