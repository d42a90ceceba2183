"""Settings of the database, the cache, and how long rows are kept."""

from __future__ import annotations

from datetime import timedelta

from stonechat.config.fields import DatabaseUrl, Duration, RedisUrl
from stonechat.config.settings.section import DURATION, Section, setting


class DatabaseSettings(Section):
    """Layer 6. Durations are real time."""

    url: DatabaseUrl | None = setting(
        "DATABASE_URL", None, "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
    )
    """Where everything is stored. Without it, a SQLite file `stonechat.db` in DATA_DIR. Set a PostgreSQL
    address when several hosts are to share the work. A pooler in transaction mode (PgBouncer, Supabase on
    port 6543) will do; for TLS add `?sslmode=verify-full&sslrootcert=/path/to/root.crt`."""
    pool_size: int = setting("DATABASE_POOL_SIZE", 8, "a whole number from 1 to 100", ge=1, le=100)
    """The most connections that this process opens to PostgreSQL. Raise it when `stonechat status` shows
    tasks waiting for a connection and the server has connections to spare; lower it where many hosts share a
    small server."""
    pool_wait: Duration = setting("DATABASE_POOL_WAIT", timedelta(seconds=10), DURATION)
    """How long a task waits for a free connection, or for its turn to write on SQLite, before it fails as a
    temporary fault and is tried again."""
    connect_timeout: Duration = setting("DATABASE_CONNECT_TIMEOUT", timedelta(seconds=5), DURATION)
    """How long opening a connection to the server may take. Raise it for a server on another continent."""
    statement_timeout: Duration = setting("DATABASE_STATEMENT_TIMEOUT", timedelta(seconds=15), DURATION)
    """How long one SQL statement may run before it is cancelled. Raise it only when a large database makes
    nightly maintenance fail with this reason."""
    lock_timeout: Duration = setting("DATABASE_LOCK_TIMEOUT", timedelta(seconds=10), DURATION)
    """How long a statement waits for a row, or on SQLite for the file, that another transaction holds."""
    hold_limit: Duration = setting("DATABASE_HOLD_LIMIT", timedelta(seconds=30), DURATION)
    """How long one task may keep a connection before the health page names it. On PostgreSQL the server ends
    a transaction that stands still for twice as long, so that a frozen process cannot hold row locks for
    ever."""
    slow: Duration = setting("DATABASE_SLOW", timedelta(seconds=1), DURATION)
    """From how long a transaction counts as slow. When at least 3 and at least 5 % of a minute's transactions
    are, the database layer is shown as degraded and an alert names the slowest tasks. Raise it for a distant
    server that you know to be slow."""
    start_limit: Duration = setting("DATABASE_START_LIMIT", timedelta(minutes=5), DURATION)
    """How long a start waits for a database server that does not answer yet, before it gives up with an
    error. Raise it where the database takes longer to come up than Stonechat."""


class CacheSettings(Section):
    """Layer 7. Without an address the cache is in this process. Durations are real time."""

    url: RedisUrl | None = setting("REDIS_URL", None, "redis://host:6379/0 or rediss://…")
    """The address of a Redis or Valkey that all hosts share. Without it the cache lives inside the process,
    which is enough for one host. The cache spares page loads and queries and decides nothing; losing it loses
    no data."""
    pool_size: int = setting("REDIS_POOL_SIZE", 8, "a whole number from 1 to 100", ge=1, le=100)
    """The most connections that this process opens to Redis."""
    call_timeout: Duration = setting("REDIS_TIMEOUT", timedelta(milliseconds=500), DURATION)
    """How long one call to Redis may take. A slower one counts as failed, and the work goes on without the
    cache."""
    namespace: str = setting(
        "REDIS_NAMESPACE", "stonechat", "letters, digits, - and _", pattern=r"^[A-Za-z0-9_-]+$"
    )
    """What every key in Redis begins with. Give each installation its own where several share one Redis."""


class RetentionSettings(Section):
    """Layer 6: for how long what grows is kept. History and receipts of posts are kept for ever."""

    runs: Duration = setting("KEEP_RUNS", timedelta(days=30), DURATION)
    """For how long ended runs of jobs and their steps are kept. The newest run of each job and account always
    stays. Lower it to save space with many accounts."""
    history: Duration = setting("KEEP_HISTORY", timedelta(days=365), DURATION)
    """For how long state changes of sessions, breakers, alerts, switches and reply opportunities are kept.
    The history of posts is kept for ever."""
    metrics_full: Duration = setting("KEEP_METRICS_FULL", timedelta(days=30), DURATION)
    """For how long every reading of a post's metrics is kept; after that one reading a day is. Never less
    than learning needs to judge the post."""
    metrics: Duration = setting("KEEP_METRICS", timedelta(days=400), DURATION)
    """For how long the daily readings of a post are kept; after that only the last one is. What was learned
    from them stays."""
    drafts: Duration = setting("KEEP_DRAFTS", timedelta(days=90), DURATION)
    """For how long drafts that the review rejected, and drafts that left the reserve, are kept."""
    opportunities: Duration = setting(  # what was skipped must not be found again while it is fresh
        "KEEP_OPPORTUNITIES", timedelta(days=90), "a duration of at least 7d", ge=timedelta(days=7)
    )
    """For how long reply opportunities that were skipped or expired are remembered. As long as one is
    remembered it is not found anew."""
    media: Duration = setting(  # bytes of pictures, after publication; descriptions stay for ever
        "KEEP_MEDIA", timedelta(days=30), DURATION
    )
    """For how long the bytes of a picture are kept after the last post with it is over. The picture's
    description stays for ever. Lower it to save space; raise it if you want to post the same pictures again.
    """
    alerts: Duration = setting("KEEP_ALERTS", timedelta(days=90), DURATION)
    """For how long resolved alerts, and the messages that were sent about them, are kept."""
    audit: Duration = setting("KEEP_AUDIT", timedelta(days=730), DURATION)
    """For how long the record of who did what by hand is kept."""
    costs: Duration = setting(  # the budget of a month is counted from them
        "KEEP_COSTS", timedelta(days=400), "a duration of at least 40d", ge=timedelta(days=40)
    )
    """For how long the cost of each call of a model is kept. The monthly budget is counted from these rows,
    hence the minimum."""
