"""Every setting, in one frozen section for each layer.

A field's first argument is the name that a user writes in the environment or in ``stonechat.toml``. The
third is the form that a value must have, which error messages quote. The docstring below the field says
what the setting does and when to change it; ``scripts/make_reference.py`` makes the settings reference of it.

The mission's names hold: ``DATABASE_URL``, ``REDIS_URL``,
``OPENAI_API_KEY``, ``POSTING_DISABLED``, ``MODE``. The settings of a network are declared by the network
(:mod:`stonechat.config.networks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

from stonechat.config.fields import (
    ApiKey,
    DatabaseUrl,
    DayPart,
    Duration,
    Handle,
    HomePath,
    HttpUrl,
    Names,
    Phrases,
    Prices,
    RedisUrl,
    TimeZone,
    Words,
)
from stonechat.core.model import Approval, LatePolicy, Mode

S = TypeVar("S", bound="Section")

_DURATION = "a duration such as 30s, 5m or 48h"
_YES = "true or false"
_LIST = '{}, separated by commas; with a comma in one, as in TOML: ["one", "two"]'
_HTTP = "an address such as https://host/path"


def setting(env: str, default: Any, expected: str, **limits: Any) -> Any:
    """A setting with the name that users write, its default, and the form expected of it."""
    return Field(default, alias=env, json_schema_extra={"expected": expected}, **limits)


def expected_form(field: FieldInfo) -> str:
    """The form that a value of this setting must have, in words that follow "expected"."""
    extra = field.json_schema_extra
    return str(extra.get("expected", "")) if isinstance(extra, dict) else ""


class Section(BaseModel):
    """Common to all sections: frozen, fields named in code, aliases named as in the environment."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class StartupSettings(Section):
    """Layer 1: how the process runs."""

    mode: Mode = setting("MODE", Mode.SHADOW, "demo, shadow or live")
    """How far Stonechat may go. `shadow` does everything but the final click: posts are planned, written,
    reviewed and rehearsed, and nothing goes out. `live` publishes. `demo` is set by `stonechat demo` and
    accepts only a network on this machine. Change it to `live` when you are content with what shadow mode
    would have posted."""
    data_dir: HomePath = setting("DATA_DIR", Path(".stonechat"), "a folder that can be written to")
    """The folder for everything that is kept on this machine: the SQLite database, the key for saved
    sessions, content that waits on disk while the database is away, pictures of failures. Relative to the
    folder that you start in. Change it to a mounted volume in a container; back it up with `stonechat
    backup`, not by copying."""
    log_level: str = setting(
        "LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", pattern="^(DEBUG|INFO|WARNING|ERROR)$"
    )
    """The least severe log line that is written. `DEBUG` adds every event and is for looking into one fault;
    `WARNING` leaves only what needs attention."""
    log_json: bool = setting("LOG_JSON", False, _YES)
    """Whether log lines are JSON, one object a line, in place of text for a person. Set it to `true` where a
    log collector reads them."""
    clock_speed: float = setting("CLOCK_SPEED", 1.0, "a number greater than 0; 1 outside the demo", gt=0)
    """How many seconds of account time pass in one real second. The demo uses 1800; anything but 1 outside
    the demo is refused."""
    clock_epoch: AwareDatetime | None = setting("CLOCK_EPOCH", None, "an ISO 8601 time with offset")
    """The account time at which a faster clock begins. Set by the demo for its child processes, together with
    CLOCK_ORIGIN; leave it alone."""
    clock_origin: float | None = setting("CLOCK_ORIGIN", None, "a Unix time in seconds")
    """The real moment that corresponds to CLOCK_EPOCH, so that all processes of a demo agree on account time.
    Leave it alone."""
    clock_file: HomePath | None = setting("CLOCK_FILE", None, "the file of a clock that the demo drives")
    """The file that holds the account time of a demo, for all of its processes. Leave it alone."""
    seed: int | None = setting("SEED", None, "a whole number; unset for real chance")
    """Makes every random choice repeatable (which arm, which minute, which jitter). For tests and for the
    demo; with a fixed seed in a real run two restarts would choose alike."""
    session_key: SecretStr | None = setting(
        "SESSION_KEY",
        None,
        "keys made by `stonechat login --new-key`, separated by commas; a file in DATA_DIR by default",
    )
    """What saved sessions are encrypted with in the database. Without it a key file is made in DATA_DIR.
    Hosts that share a database must share the key. To change it, put the new key first and keep the old one
    behind it."""


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
    pool_wait: Duration = setting("DATABASE_POOL_WAIT", timedelta(seconds=10), _DURATION)
    """How long a task waits for a free connection, or for its turn to write on SQLite, before it fails as a
    temporary fault and is tried again."""
    connect_timeout: Duration = setting("DATABASE_CONNECT_TIMEOUT", timedelta(seconds=5), _DURATION)
    """How long opening a connection to the server may take. Raise it for a server on another continent."""
    statement_timeout: Duration = setting("DATABASE_STATEMENT_TIMEOUT", timedelta(seconds=15), _DURATION)
    """How long one SQL statement may run before it is cancelled. Raise it only when a large database makes
    nightly maintenance fail with this reason."""
    lock_timeout: Duration = setting("DATABASE_LOCK_TIMEOUT", timedelta(seconds=10), _DURATION)
    """How long a statement waits for a row, or on SQLite for the file, that another transaction holds."""
    hold_limit: Duration = setting("DATABASE_HOLD_LIMIT", timedelta(seconds=30), _DURATION)
    """How long one task may keep a connection before the health page names it. On PostgreSQL the server ends
    a transaction that stands still for twice as long, so that a frozen process cannot hold row locks for
    ever."""
    slow: Duration = setting("DATABASE_SLOW", timedelta(seconds=1), _DURATION)
    """From how long a transaction counts as slow. When at least 3 and at least 5 % of a minute's transactions
    are, the database layer is shown as degraded and an alert names the slowest tasks. Raise it for a distant
    server that you know to be slow."""
    start_limit: Duration = setting("DATABASE_START_LIMIT", timedelta(minutes=5), _DURATION)
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
    call_timeout: Duration = setting("REDIS_TIMEOUT", timedelta(milliseconds=500), _DURATION)
    """How long one call to Redis may take. A slower one counts as failed, and the work goes on without the
    cache."""
    namespace: str = setting("REDIS_NAMESPACE", "stonechat", "letters, digits, - and _", pattern=r"^[\w-]+$")
    """What every key in Redis begins with. Give each installation its own where several share one Redis."""


class RetentionSettings(Section):
    """Layer 6: for how long what grows is kept. History and receipts of posts are kept for ever."""

    runs: Duration = setting("KEEP_RUNS", timedelta(days=30), _DURATION)
    """For how long ended runs of jobs and their steps are kept. The newest run of each job and account always
    stays. Lower it to save space with many accounts."""
    history: Duration = setting("KEEP_HISTORY", timedelta(days=365), _DURATION)
    """For how long state changes of sessions, breakers, alerts, switches and reply opportunities are kept.
    The history of posts is kept for ever."""
    metrics_full: Duration = setting("KEEP_METRICS_FULL", timedelta(days=30), _DURATION)
    """For how long every reading of a post's metrics is kept; after that one reading a day is. Never less
    than learning needs to judge the post."""
    metrics: Duration = setting("KEEP_METRICS", timedelta(days=400), _DURATION)
    """For how long the daily readings of a post are kept; after that only the last one is. What was learned
    from them stays."""
    drafts: Duration = setting("KEEP_DRAFTS", timedelta(days=90), _DURATION)
    """For how long drafts that the review rejected, and drafts that left the reserve, are kept."""
    opportunities: Duration = setting(  # what was skipped must not be found again while it is fresh
        "KEEP_OPPORTUNITIES", timedelta(days=90), "a duration of at least 7d", ge=timedelta(days=7)
    )
    """For how long reply opportunities that were skipped or expired are remembered. As long as one is
    remembered it is not found anew."""
    media: Duration = setting(  # bytes of pictures, after publication; descriptions stay for ever
        "KEEP_MEDIA", timedelta(days=30), _DURATION
    )
    """For how long the bytes of a picture are kept after the last post with it is over. The picture's
    description stays for ever. Lower it to save space; raise it if you want to post the same pictures again.
    """
    alerts: Duration = setting("KEEP_ALERTS", timedelta(days=90), _DURATION)
    """For how long resolved alerts, and the messages that were sent about them, are kept."""
    audit: Duration = setting("KEEP_AUDIT", timedelta(days=730), _DURATION)
    """For how long the record of who did what by hand is kept."""
    costs: Duration = setting(  # the budget of a month is counted from them
        "KEEP_COSTS", timedelta(days=400), "a duration of at least 40d", ge=timedelta(days=40)
    )
    """For how long the cost of each call of a model is kept. The monthly budget is counted from these rows,
    hence the minimum."""


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
    heartbeat: Duration = setting("JOBS_HEARTBEAT", timedelta(seconds=1), _DURATION)
    """How often a host says that it is alive."""
    takeover_after: Duration = setting("JOBS_TAKEOVER_AFTER", timedelta(seconds=5), _DURATION)
    """After how long without a heartbeat another host takes over what this one was running. Keep it several
    times JOBS_HEARTBEAT; raise it where machines stall for seconds, at the price of a later take-over."""


class BrowserSettings(Section):
    """Layer 5. Durations are real time."""

    executable: HomePath | None = setting("BROWSER_EXECUTABLE", None, "the path of a Chromium")
    """The Chromium to start. Without it the one that set-up found, or Playwright's own. Set it where Chromium
    stands in an unusual place."""
    contexts: int = setting("BROWSER_CONTEXTS", 3, "a whole number from 1 to 20", ge=1, le=20)
    """How many accounts may use the browser at once. Each context takes roughly 60 to 150 MB of memory."""
    queue_limit: int = setting("BROWSER_QUEUE_LIMIT", 50, "a whole number from 1 to 1000", ge=1, le=1000)
    """How many tasks may wait for the browser. When the queue is full the least urgent one gives way and is
    tried again later."""
    queue_wait: Duration = setting("BROWSER_QUEUE_WAIT", timedelta(seconds=60), _DURATION)
    """How long a task waits for its turn at the browser before it fails as a temporary fault."""
    call_timeout: Duration = setting("BROWSER_CALL_TIMEOUT", timedelta(seconds=15), _DURATION)
    """How long one call to the browser (open a page, click, read) may take before the browser is taken for
    hung."""
    lease_limit: Duration = setting("BROWSER_LEASE_LIMIT", timedelta(seconds=120), _DURATION)
    """How long one task may use a page. After that the page is taken away and closed."""
    idle_limit: Duration = setting("BROWSER_IDLE_LIMIT", timedelta(minutes=10), _DURATION)
    """After how long without use an account's context is closed to free memory."""
    context_age: Duration = setting("BROWSER_CONTEXT_AGE", timedelta(hours=2), _DURATION)
    """The age at which an account's context is replaced by a fresh one, between two tasks. Long-lived pages
    leak memory."""
    context_uses: int = setting("BROWSER_CONTEXT_USES", 200, "a whole number, at least 1", ge=1)
    """After how many tasks an account's context is replaced by a fresh one."""
    memory_limit_mb: int = setting("BROWSER_MEMORY_LIMIT_MB", 700, "megabytes, at least 200", ge=200)
    """The memory of the browser and all its processes, in megabytes, at which it is restarted as soon as
    nobody uses it. From 80 % of it idle contexts are closed at once. Set it below what your container leaves
    beside Stonechat's own 160 MB."""


class ContentSettings(Section):
    """Layer 3."""

    api_key: ApiKey | None = setting("OPENAI_API_KEY", None, "the key of an OpenAI-compatible endpoint")
    """The key for the language model's endpoint. A local endpoint that wants none still needs some text here.
    """
    base_url: HttpUrl = setting("OPENAI_BASE_URL", "https://api.openai.com/v1", _HTTP)
    """The endpoint that speaks the OpenAI chat-completions protocol. Change it to use another provider or a
    model on your own machine."""
    model: str = setting("OPENAI_MODEL", "gpt-4o-mini", "a model's name", min_length=1)
    """The model that writes. Its price is looked up; where `stonechat doctor` says that it is not known, set
    MODEL_PRICES, or the budget counts at PRICE_INPUT_USD and PRICE_OUTPUT_USD."""
    fallback_models: Names = setting("OPENAI_FALLBACK_MODELS", (), "model names, separated by commas")
    """Models that are asked in this order when the first one fails."""
    fallback_base_url: HttpUrl | None = setting("OPENAI_FALLBACK_BASE_URL", None, _HTTP)
    """Where the fallback models are asked, if not at OPENAI_BASE_URL. Set it to another provider: one that is
    down takes all its models with it."""
    fallback_api_key: ApiKey | None = setting(
        "OPENAI_FALLBACK_API_KEY",
        None,
        "the key of the fallback models' endpoint; OPENAI_API_KEY is not sent there",
    )
    """The key for OPENAI_FALLBACK_BASE_URL. The first endpoint's key is never sent to another provider."""
    call_timeout: Duration = setting("OPENAI_TIMEOUT", timedelta(seconds=30), _DURATION)
    """How long one call of a model may take. A call whose answer never came is booked at its full reserved
    cost. Raise it for slow local models."""
    budget_day_usd: float = setting("BUDGET_DAY_USD", 2.0, "US dollars, 0 or more", ge=0)
    """The most that all accounts together may spend on models in one day (UTC). When it is used up, posts
    come from the reserve until the next day. 0 allows no call that costs anything."""
    budget_month_usd: float = setting("BUDGET_MONTH_USD", 30.0, "US dollars, 0 or more", ge=0)
    """The most that all accounts together may spend on models in one calendar month (UTC)."""
    budget_day_tokens: int | None = setting("BUDGET_DAY_TOKENS", None, "a whole number, 0 or more", ge=0)
    """The most tokens, prompt and completion together, that all accounts may use in one day (UTC). Without it
    there is no limit. For models whose price is 0, such as local ones."""
    budget_month_tokens: int | None = setting("BUDGET_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0)
    """The most tokens that all accounts may use in one calendar month (UTC). Without it there is no limit."""
    account_day_usd: float | None = setting("BUDGET_ACCOUNT_DAY_USD", None, "US dollars, 0 or more", ge=0)
    """The most that any one account may spend on models in one day (UTC). Without it only the common budget
    limits. Set it so that one account cannot use up the budget of the others."""
    account_month_usd: float | None = setting("BUDGET_ACCOUNT_MONTH_USD", None, "US dollars, 0 or more", ge=0)
    """The most that any one account may spend on models in one calendar month (UTC). Without it only the
    common budget limits."""
    account_day_tokens: int | None = setting(
        "BUDGET_ACCOUNT_DAY_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    """The most tokens that any one account may use in one day (UTC). Without it there is no limit."""
    account_month_tokens: int | None = setting(
        "BUDGET_ACCOUNT_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    """The most tokens that any one account may use in one calendar month (UTC). Without it there is no limit.
    """
    prices: Prices = setting(
        "MODEL_PRICES", {}, "name=prompt/completion in US dollars for a million tokens, separated by commas"
    )
    """The price of each model by name, for counting the budget. Models that are not listed are counted at
    PRICE_INPUT_USD and PRICE_OUTPUT_USD."""
    price_input_usd: float = setting("PRICE_INPUT_USD", 0.15, "US dollars for a million prompt tokens", ge=0)
    """The price of a million prompt tokens for models whose price is not known."""
    price_output_usd: float = setting(
        "PRICE_OUTPUT_USD", 0.60, "US dollars for a million completion tokens", ge=0
    )
    """The price of a million completion tokens for models whose price is not known."""
    drafts: int = setting("DRAFTS_PER_SLOT", 3, "a whole number from 1 to 10", ge=1, le=10)
    """How many drafts are asked for in one call; the review picks the best that passes. More drafts cost more
    and are rejected less often as a whole."""
    judge_model: str = setting(
        "JUDGE_MODEL", "", "a model's name; OPENAI_MODEL by default; off for no second opinion"
    )
    """The model that reads each draft once more and may only say no: for threats, accusations, medical harm
    and what else no list of words can hold. Costs one more call a draft."""
    approval_share: float = setting(
        "APPROVAL_SHARE", 0.25, "a share from 0 to 1, of posts that no second model reads", ge=0, le=1
    )
    """How much of what no second model has read waits for your approval, where posts need none otherwise."""
    voice_file: HomePath | None = setting("VOICE_FILE", None, "the path of a voice file in TOML")
    """How the accounts sound: topics, tone, words to avoid. `stonechat init` writes one. Without it the
    example that comes with Stonechat is used, which is only good for trying."""
    arms_file: HomePath | None = setting("ARMS_FILE", None, "the path of a file of arms in TOML")
    """The choices that learning tries (topics, hooks, formats, tones, lengths, hours of day). Without it a
    built-in set with the topics of the voice file is used."""
    reserve_days: float = setting("RESERVE_DAYS", 2.0, "days, 0 or more", ge=0)
    """For how many days of posts reviewed drafts are kept ready, to be used when no model can write. 0 keeps
    none."""
    horizon: Duration = setting("PLAN_AHEAD", timedelta(hours=24), _DURATION)
    """How far ahead posts are written and queued. Longer survives longer outages of the model; shorter learns
    faster, since a queued post no longer changes."""


class PostingSettings(Section):
    """Layer 4. Account time, but ``reconcile_*``, ``lease``, ``publish_timeout``, ``click_within``: real."""

    disabled: bool = setting("POSTING_DISABLED", False, _YES)
    """Holds every post and reply on this host while it is `true`. Nothing is lost: what waits is counted and
    shown, and goes out later by LATE_POLICY. `stonechat pause` does the same at once on every host, without a
    restart."""
    grace: Duration = setting("POSTING_GRACE", timedelta(hours=2), _DURATION)
    """How late a post may go out without being called late. What is later follows the account's LATE_POLICY.
    It is also how long posts may be due without one going out before the posting layer is unhealthy."""
    min_spacing: Duration = setting("POSTING_MIN_SPACING", timedelta(minutes=20), _DURATION)
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
    author_cooldown: Duration = setting("REPLY_AUTHOR_COOLDOWN", timedelta(days=3), _DURATION)
    """How long an author who was answered is not answered again by the same account."""
    approval_expiry: Duration = setting("APPROVAL_EXPIRY", timedelta(days=2), _DURATION)
    """How long content may wait for your approval; then it becomes `missed`. Never before its due time."""
    reconcile_grace: Duration = setting("RECONCILE_GRACE", timedelta(seconds=30), _DURATION)
    """How long a post whose outcome is unknown is left alone before its absence on the network can be
    believed. A site needs a moment to show a new post. Shorter risks a second copy."""
    reconcile_limit: Duration = setting("RECONCILE_LIMIT", timedelta(hours=2), _DURATION)
    """After how long without proof either way an unknown post is given up as failed and you are told. It is
    never sent again by itself."""
    lease: Duration = setting("POSTING_LEASE", timedelta(seconds=180), _DURATION)
    """For how long a host owns a post that it is publishing. After that another host may look what became of
    it. Keep it longer than POSTING_TIMEOUT."""
    click_within: Duration = setting("POSTING_CLICK_WITHIN", timedelta(seconds=90), _DURATION)
    """How long after its committed intent the publishing click may come. A later click is not made, since
    another host may hold the post by then. Keep it shorter than POSTING_LEASE."""
    publish_timeout: Duration = setting("POSTING_TIMEOUT", timedelta(seconds=120), _DURATION)
    """How long publishing one post may take in all. After that its outcome is unknown and is looked up."""
    max_attempts: int = setting("POSTING_MAX_ATTEMPTS", 8, "a whole number from 1 to 50", ge=1, le=50)
    """After how many refusals a post is given up as failed, provided that other posts of the account went out
    meanwhile. While nothing goes out it waits, since the text is not the cause."""
    resends: int = setting("POSTING_RESENDS", 1, "0, 1 or 2 sendings more, then a human is asked", ge=0, le=2)
    """How often a post that was sent and then looked absent may be sent again. After that, or where the
    network calls it a duplicate and it cannot be found, it waits for you."""
    reply_spacing: Duration = setting("REPLY_MIN_SPACING", timedelta(minutes=5), _DURATION)
    """The least time between two replies of one account."""
    quiet_hours: DayPart = setting(
        "POSTING_QUIET_HOURS",
        "",
        "two times of day such as 23:00-07:00, in the account's time zone; empty for none",
    )
    """A part of the day in which nothing is published, in the account's time zone; it may span midnight. What
    falls due in it goes out at its end."""
    warm_up: Duration = setting("POSTING_WARM_UP", timedelta(), _DURATION)
    """For how long after it was added an account stays below its daily maximum: it starts at a tenth and
    reaches the whole at the end. 0 for none. Set a week or two for a new account, which networks watch
    closely."""


class ScrapingSettings(Section):
    """Layer 8. Durations are account time."""

    follow_for: Duration = setting("METRICS_FOLLOW_FOR", timedelta(days=7), _DURATION)
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
    quiet_hours: str = setting(
        "READ_QUIET_HOURS",
        "01:00-06:00",
        "two times of day such as 23:00-07:00, in the account's time zone; empty for none",
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
    )
    """A part of the day in which nothing is read, in the account's time zone. What falls due in it is read
    before or after. Publishing has its own, POSTING_QUIET_HOURS."""


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
    freshness: Duration = setting("HARVEST_FRESHNESS", timedelta(hours=24), _DURATION)
    """How old a post may be to be worth a reply. Older opportunities expire."""
    pool_low: int = setting("HARVEST_POOL_LOW", 200, "a whole number, 0 or more", ge=0)
    """With fewer open reply opportunities than this, an account's pool is called low, and an alert says so.
    """
    pool_high: int = setting("HARVEST_POOL_HIGH", 300, "a whole number, 1 or more", ge=1)
    """With this many open reply opportunities searching pauses. Those who spoke to the account first are
    always taken in."""


class LearningSettings(Section):
    """Layer 10. Durations are account time."""

    maturity: Duration = setting("LEARNING_MATURITY", timedelta(hours=48), _DURATION)
    """The age at which a post is judged. Earlier learns faster from noisier numbers."""
    min_impressions: int = setting("LEARNING_MIN_IMPRESSIONS", 20, "a whole number, 0 or more", ge=0)
    """With fewer views than this at maturity a post teaches nothing: that says more about reach than about
    the text."""
    holdout_first: float = setting("LEARNING_HOLDOUT_FIRST", 0.15, "a share from 0 to 1", ge=0, le=1)
    """The share of posts that are chosen at random during an account's first 200 posts. They are what the
    gain is measured against."""
    holdout: float = setting("LEARNING_HOLDOUT", 0.10, "a share from 0 to 1", ge=0, le=1)
    """The share of posts that are chosen at random after that, for ever. 0 ends the proof that learning
    helps."""


class AlertingSettings(Section):
    """Where the owner is told. Durations are real time."""

    urls: Words = setting(
        "ALERT_URLS",
        (),
        'apprise addresses, separated by commas; one that holds a comma as "…", or a TOML list',
    )
    """Where alerts go, as Apprise addresses: mail, Telegram, Slack, ntfy and many more. Each address gets
    every alert. `stonechat doctor` checks that they can be read."""
    webhook_url: HttpUrl | None = setting("ALERT_WEBHOOK_URL", None, _HTTP)
    """An address that gets each alert as JSON in the form of Alertmanager's webhook (version 4)."""
    heartbeat_url: HttpUrl | None = setting("HEARTBEAT_URL", None, _HTTP)
    """An outside service that is called every minute while alerting works, and raises the alarm when the
    calls stop. The only thing that notices a machine that is gone: set it for every account that matters."""
    group_wait: Duration = setting("ALERT_GROUP_WAIT", timedelta(seconds=10), _DURATION)
    """How long an alert waits for others with the same cause, so that they come as one message."""
    repeat: Duration = setting("ALERT_REPEAT", timedelta(hours=4), _DURATION)
    """After how long an alert that still fires and that nobody has acknowledged is sent again."""
    escalate_urls: Words = setting("ALERT_ESCALATE_URLS", (), "apprise addresses, separated by commas")
    """Who is told when nobody acknowledges: each address gets a critical alert that was told ALERT_URLS and
    was not acknowledged for ALERT_ESCALATE_AFTER, once, and its end."""
    escalate_after: Duration = setting("ALERT_ESCALATE_AFTER", timedelta(minutes=30), _DURATION)
    """After how long without an acknowledgement a critical alert goes to ALERT_ESCALATE_URLS too."""
    quiet_hours: str = setting(
        "ALERT_QUIET_HOURS",
        "",
        "two times of day such as 22:00-07:00, in ALERT_TIMEZONE; empty for none",
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
    )
    """A part of the day in which only critical alerts are sent. Warnings wait for its end, and are sent then
    if they still hold. It may span midnight."""
    timezone: TimeZone = setting("ALERT_TIMEZONE", "UTC", "an IANA time zone such as Europe/Vienna")
    """Where you sleep: the time zone of ALERT_QUIET_HOURS."""


class DashboardSettings(Section):
    """The pages and the health server."""

    host: str = setting("DASHBOARD_HOST", "127.0.0.1", "an address to listen on", min_length=1)
    """The address that the pages listen on. The default is reachable from this machine only. Before you open
    it to others set DASHBOARD_PASSWORD and put TLS in front."""
    port: int = setting("PORT", 8787, "a port from 0 to 65535; 0 takes a free one", ge=0, le=65535)
    """The port of the pages, the JSON API and the health checks."""
    password: SecretStr | None = setting("DASHBOARD_PASSWORD", None, "at least 8 characters", min_length=8)
    """What is asked for before the pages are shown: in clear, or as an argon2 hash (`$argon2id$…`). Without
    it only this machine may look."""
    public_url: HttpUrl | None = setting("PUBLIC_URL", None, _HTTP)
    """Where you reach the pages from outside, for the links in alerts. Without it the links name
    DASHBOARD_HOST and PORT, which work on this machine."""
    metrics_token: SecretStr | None = setting("METRICS_TOKEN", None, "at least 16 characters", min_length=16)
    """Lets Prometheus read `/metrics`, and nothing else, without a log-in: the `credentials` of its scrape
    configuration, sent as `Authorization: Bearer …`."""


class AccountSettings(Section):
    """One account, given by ``ACCOUNT_*`` or by ``[[accounts]]`` in the settings file.

    Its log-in is saved by ``stonechat login``, or given: ``session_b64`` in its table, or the setting that
    its network names (:class:`stonechat.config.session_form.SessionForm`).
    """

    network: str = setting("ACCOUNT_NETWORK", "", "the name of an installed network", pattern=r"^\w*$")
    """Which social network the account is on; `stonechat doctor` lists those that are installed."""
    handle: Handle = setting(
        "ACCOUNT_HANDLE",
        "",
        "the account's handle",
        pattern=r"^([\w.:-]+(@[\w.:-]+)?)?$",
    )
    """The account's name on its network; behind `@` its server, where the network has many."""
    timezone: TimeZone = setting("ACCOUNT_TIMEZONE", "UTC", "an IANA time zone such as Europe/Vienna")
    """Where the account lives: days, hours of posting and quiet hours are counted in this time zone."""
    posts_per_day: int = setting("POSTS_PER_DAY", 8, "a whole number from 1 to 48", ge=1, le=48)
    """How many posts are planned for each local day. POSTING_MAX_PER_DAY is the hard limit above it."""
    approval: Approval = setting("APPROVAL", Approval.REPLIES, "none, replies or all")
    """What waits for your approval before it goes out: nothing, replies only, or everything."""
    late_policy: LatePolicy = setting("LATE_POLICY", LatePolicy.MOVE, "publish, move or miss")
    """What becomes of a post that is later than POSTING_GRACE, after an outage say: `publish` sends it at
    once, `move` gives it the next free time, `miss` drops it."""
    voice_file: HomePath | None = setting(
        "ACCOUNT_VOICE_FILE", None, "the path of this account's voice file; VOICE_FILE by default"
    )
    """How this account sounds, where it differs from VOICE_FILE."""
    session_b64: SecretStr | None = setting(
        "ACCOUNT_SESSION_B64", None, "a saved log-in, in a form that its network takes"
    )
    """The saved log-in of this account, for `[[accounts]]` in the settings file. In the environment its
    network names a setting for it. Not needed after `stonechat login`."""


class Settings(BaseModel):
    """All sections."""

    model_config = ConfigDict(frozen=True)

    startup: StartupSettings = Field(default_factory=StartupSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    jobs: JobsSettings = Field(default_factory=JobsSettings)
    browser: BrowserSettings = Field(default_factory=BrowserSettings)
    content: ContentSettings = Field(default_factory=ContentSettings)
    posting: PostingSettings = Field(default_factory=PostingSettings)
    scraping: ScrapingSettings = Field(default_factory=ScrapingSettings)
    reading: ReadingSettings = Field(default_factory=ReadingSettings)
    harvesting: HarvestingSettings = Field(default_factory=HarvestingSettings)
    learning: LearningSettings = Field(default_factory=LearningSettings)
    alerting: AlertingSettings = Field(default_factory=AlertingSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    networks: Mapping[str, Section] = Field(default_factory=dict)
    accounts: tuple[AccountSettings, ...] = ()

    def of_network(self, kind: type[S]) -> S:
        """A network's section, by its type; its defaults where it was not read."""
        return next((one for one in self.networks.values() if isinstance(one, kind)), None) or kind()

    def on_network(self, name: str) -> tuple[AccountSettings, ...]:
        """The accounts of this network."""
        return tuple(one for one in self.accounts if one.network == name)

    @property
    def database_url(self) -> str:
        """The database's address; the embedded default is a SQLite file in the data folder."""
        return self.database.url or f"sqlite:///{self.startup.data_dir.absolute() / 'stonechat.db'}"
