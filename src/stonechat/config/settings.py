"""Every setting, in one frozen section a layer. ``env`` names are the names a user writes.

The mission's names hold: ``DATABASE_URL``, ``REDIS_URL``, ``TWITTER_SESSION_B64``,
``OPENAI_API_KEY``, ``POSTING_DISABLED``, ``MODE``.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from stonechat.config.fields import ApiKey, DatabaseUrl, Duration, HttpUrl, Prices, RedisUrl, TimeZone, Words
from stonechat.core.model import Approval, LatePolicy, Mode

_DURATION = "a duration such as 30s, 5m or 48h"
_YES = "true or false"
_HTTP = "an address such as https://host/path"


def _setting(env: str, default: Any, expected: str, **limits: Any) -> Any:
    return Field(default, alias=env, description=expected, **limits)


class Section(BaseModel):
    """Common to all sections: frozen, fields named in code, aliases named as in the environment."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, validate_default=True, allow_inf_nan=False
    )


class StartupSettings(Section):
    """Layer 1: how the process runs."""

    mode: Mode = _setting("MODE", Mode.SHADOW, "demo, shadow or live")
    data_dir: Path = _setting("DATA_DIR", Path(".stonechat"), "a folder that can be written to")
    log_level: str = _setting(
        "LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR", pattern="^(DEBUG|INFO|WARNING|ERROR)$"
    )
    log_json: bool = _setting("LOG_JSON", False, _YES)
    clock_speed: float = _setting("CLOCK_SPEED", 1.0, "a number greater than 0; 1 outside the demo", gt=0)
    clock_epoch: AwareDatetime | None = _setting("CLOCK_EPOCH", None, "an ISO 8601 time with offset")
    clock_origin: float | None = _setting("CLOCK_ORIGIN", None, "a Unix time in seconds")
    seed: int | None = _setting("SEED", None, "a whole number; unset for real chance")


class DatabaseSettings(Section):
    """Layer 6. Durations are real time."""

    url: DatabaseUrl | None = _setting(
        "DATABASE_URL", None, "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
    )
    pool_size: int = _setting("DATABASE_POOL_SIZE", 8, "a whole number from 1 to 100", ge=1, le=100)
    pool_wait: Duration = _setting("DATABASE_POOL_WAIT", timedelta(seconds=10), _DURATION)
    connect_timeout: Duration = _setting("DATABASE_CONNECT_TIMEOUT", timedelta(seconds=5), _DURATION)
    statement_timeout: Duration = _setting("DATABASE_STATEMENT_TIMEOUT", timedelta(seconds=15), _DURATION)
    lock_timeout: Duration = _setting("DATABASE_LOCK_TIMEOUT", timedelta(seconds=10), _DURATION)
    hold_limit: Duration = _setting("DATABASE_HOLD_LIMIT", timedelta(seconds=30), _DURATION)
    slow: Duration = _setting("DATABASE_SLOW", timedelta(seconds=1), _DURATION)
    start_limit: Duration = _setting("DATABASE_START_LIMIT", timedelta(minutes=5), _DURATION)


class CacheSettings(Section):
    """Layer 7. Without an address the cache is in this process. Durations are real time."""

    url: RedisUrl | None = _setting("REDIS_URL", None, "redis://host:6379/0 or rediss://…")
    pool_size: int = _setting("REDIS_POOL_SIZE", 8, "a whole number from 1 to 100", ge=1, le=100)
    call_timeout: Duration = _setting("REDIS_TIMEOUT", timedelta(milliseconds=500), _DURATION)
    namespace: str = _setting("REDIS_NAMESPACE", "stonechat", "letters, digits, - and _", pattern=r"^[\w-]+$")


class RetentionSettings(Section):
    """Layer 6: for how long what grows is kept. History and receipts of posts are kept for ever."""

    runs: Duration = _setting("KEEP_RUNS", timedelta(days=30), _DURATION)
    history: Duration = _setting("KEEP_HISTORY", timedelta(days=365), _DURATION)
    metrics_full: Duration = _setting("KEEP_METRICS_FULL", timedelta(days=30), _DURATION)
    metrics: Duration = _setting("KEEP_METRICS", timedelta(days=400), _DURATION)
    drafts: Duration = _setting("KEEP_DRAFTS", timedelta(days=90), _DURATION)
    opportunities: Duration = _setting(  # what was skipped must not be found again while it is fresh
        "KEEP_OPPORTUNITIES", timedelta(days=90), "a duration of at least 7d", ge=timedelta(days=7)
    )
    media: Duration = _setting(  # bytes of pictures, after publication; descriptions stay for ever
        "KEEP_MEDIA", timedelta(days=30), _DURATION
    )
    alerts: Duration = _setting("KEEP_ALERTS", timedelta(days=90), _DURATION)
    audit: Duration = _setting("KEEP_AUDIT", timedelta(days=730), _DURATION)
    costs: Duration = _setting(  # the budget of a month is counted from them
        "KEEP_COSTS", timedelta(days=400), "a duration of at least 40d", ge=timedelta(days=40)
    )


class JobsSettings(Section):
    """Layer 2. Durations are real time."""

    engine_url: DatabaseUrl | None = _setting(
        "JOBS_DATABASE_URL", None, "a database address; beside the main database by default"
    )
    workers_browser: int = _setting("JOBS_BROWSER_WORKERS", 3, "a whole number from 1 to 20", ge=1, le=20)
    workers_model: int = _setting("JOBS_MODEL_WORKERS", 2, "a whole number from 1 to 50", ge=1, le=50)
    workers_database: int = _setting("JOBS_DATABASE_WORKERS", 4, "a whole number from 1 to 50", ge=1, le=50)
    heartbeat: Duration = _setting("JOBS_HEARTBEAT", timedelta(seconds=1), _DURATION)
    takeover_after: Duration = _setting("JOBS_TAKEOVER_AFTER", timedelta(seconds=5), _DURATION)


class BrowserSettings(Section):
    """Layer 5. Durations are real time."""

    executable: Path | None = _setting("BROWSER_EXECUTABLE", None, "the path of a Chromium")
    contexts: int = _setting("BROWSER_CONTEXTS", 3, "a whole number from 1 to 20", ge=1, le=20)
    queue_limit: int = _setting("BROWSER_QUEUE_LIMIT", 50, "a whole number from 1 to 1000", ge=1, le=1000)
    queue_wait: Duration = _setting("BROWSER_QUEUE_WAIT", timedelta(seconds=60), _DURATION)
    call_timeout: Duration = _setting("BROWSER_CALL_TIMEOUT", timedelta(seconds=15), _DURATION)
    lease_limit: Duration = _setting("BROWSER_LEASE_LIMIT", timedelta(seconds=120), _DURATION)
    idle_limit: Duration = _setting("BROWSER_IDLE_LIMIT", timedelta(minutes=10), _DURATION)
    context_age: Duration = _setting("BROWSER_CONTEXT_AGE", timedelta(hours=2), _DURATION)
    context_uses: int = _setting("BROWSER_CONTEXT_USES", 200, "a whole number, at least 1", ge=1)
    memory_limit_mb: int = _setting("BROWSER_MEMORY_LIMIT_MB", 700, "megabytes, at least 200", ge=200)


class XWebSettings(Section):
    """X through its website: works, and starts in live mode only when the owner accepts the risk by name."""

    base_url: HttpUrl = _setting("X_BASE_URL", "https://x.com", _HTTP)
    session_b64: SecretStr | None = _setting(
        "TWITTER_SESSION_B64", None, "base64 of a Playwright storage_state or of a cookies array"
    )
    session_key: SecretStr | None = _setting(
        "SESSION_KEY",
        None,
        "keys made by `stonechat login --new-key`, separated by commas; a file in DATA_DIR by default",
    )
    risk_accepted: Words = _setting(
        "X_WEB_RISK_ACCEPTED", (), "the handle of each account, without @, separated by commas"
    )


class ContentSettings(Section):
    """Layer 3."""

    api_key: ApiKey | None = _setting("OPENAI_API_KEY", None, "the key of an OpenAI-compatible endpoint")
    base_url: HttpUrl = _setting("OPENAI_BASE_URL", "https://api.openai.com/v1", _HTTP)
    model: str = _setting("OPENAI_MODEL", "gpt-4o-mini", "a model's name", min_length=1)
    fallback_models: Words = _setting("OPENAI_FALLBACK_MODELS", (), "model names, separated by commas")
    fallback_base_url: HttpUrl | None = _setting("OPENAI_FALLBACK_BASE_URL", None, _HTTP)
    fallback_api_key: ApiKey | None = _setting(
        "OPENAI_FALLBACK_API_KEY",
        None,
        "the key of the fallback models' endpoint; OPENAI_API_KEY is not sent there",
    )
    call_timeout: Duration = _setting("OPENAI_TIMEOUT", timedelta(seconds=30), _DURATION)
    budget_day_usd: float = _setting(
        "BUDGET_DAY_USD", 2.0, "US dollars, 0 or more", ge=0, allow_inf_nan=False
    )
    budget_month_usd: float = _setting(
        "BUDGET_MONTH_USD", 30.0, "US dollars, 0 or more", ge=0, allow_inf_nan=False
    )
    budget_day_tokens: int | None = _setting("BUDGET_DAY_TOKENS", None, "a whole number, 0 or more", ge=0)
    budget_month_tokens: int | None = _setting("BUDGET_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0)
    account_day_usd: float | None = _setting(
        "BUDGET_ACCOUNT_DAY_USD", None, "US dollars, 0 or more", ge=0, allow_inf_nan=False
    )
    account_month_usd: float | None = _setting(
        "BUDGET_ACCOUNT_MONTH_USD", None, "US dollars, 0 or more", ge=0
    )
    account_day_tokens: int | None = _setting(
        "BUDGET_ACCOUNT_DAY_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    account_month_tokens: int | None = _setting(
        "BUDGET_ACCOUNT_MONTH_TOKENS", None, "a whole number, 0 or more", ge=0
    )
    prices: Prices = _setting(
        "MODEL_PRICES", {}, "name=prompt/completion in US dollars for a million tokens, separated by commas"
    )
    price_input_usd: float = _setting(
        "PRICE_INPUT_USD", 0.15, "US dollars for a million prompt tokens", ge=0, allow_inf_nan=False
    )
    price_output_usd: float = _setting(
        "PRICE_OUTPUT_USD", 0.60, "US dollars for a million completion tokens", ge=0
    )
    drafts: int = _setting("DRAFTS_PER_SLOT", 3, "a whole number from 1 to 10", ge=1, le=10)
    judge_model: str = _setting(
        "JUDGE_MODEL", "", "a model's name; OPENAI_MODEL by default; off for no second opinion"
    )
    approval_share: float = _setting(
        "APPROVAL_SHARE", 0.25, "a share from 0 to 1, of posts that no second model reads", ge=0, le=1
    )
    voice_file: Path | None = _setting("VOICE_FILE", None, "the path of a voice file in TOML")
    arms_file: Path | None = _setting("ARMS_FILE", None, "the path of a file of arms in TOML")
    reserve_days: float = _setting("RESERVE_DAYS", 2.0, "days, 0 or more", ge=0)
    horizon: Duration = _setting("PLAN_AHEAD", timedelta(hours=24), _DURATION)


class PostingSettings(Section):
    """Layer 4. Account time, but ``reconcile_*``, ``lease``, ``publish_timeout``, ``click_within``: real."""

    disabled: bool = _setting("POSTING_DISABLED", False, _YES)
    grace: Duration = _setting("POSTING_GRACE", timedelta(hours=2), _DURATION)
    min_spacing: Duration = _setting("POSTING_MIN_SPACING", timedelta(minutes=20), _DURATION)
    per_day: int = _setting("POSTING_MAX_PER_DAY", 30, "a whole number from 1 to 500", ge=1, le=500)
    per_hour: int = _setting("POSTING_MAX_PER_HOUR", 6, "a whole number from 1 to 100", ge=1, le=100)
    in_all: int = _setting("POSTING_MAX_TOTAL", 0, "a whole number; 0 for no limit; replies apart", ge=0)
    replies_per_day: int = _setting("REPLIES_MAX_PER_DAY", 20, "a whole number from 0 to 500", ge=0, le=500)
    author_cooldown: Duration = _setting("REPLY_AUTHOR_COOLDOWN", timedelta(days=3), _DURATION)
    approval_expiry: Duration = _setting("APPROVAL_EXPIRY", timedelta(days=2), _DURATION)
    reconcile_grace: Duration = _setting("RECONCILE_GRACE", timedelta(seconds=30), _DURATION)
    reconcile_limit: Duration = _setting("RECONCILE_LIMIT", timedelta(hours=2), _DURATION)
    lease: Duration = _setting("POSTING_LEASE", timedelta(seconds=180), _DURATION)
    click_within: Duration = _setting("POSTING_CLICK_WITHIN", timedelta(seconds=90), _DURATION)
    publish_timeout: Duration = _setting("POSTING_TIMEOUT", timedelta(seconds=120), _DURATION)
    max_attempts: int = _setting("POSTING_MAX_ATTEMPTS", 8, "a whole number from 1 to 50", ge=1, le=50)
    reply_spacing: Duration = _setting("REPLY_MIN_SPACING", timedelta(minutes=5), _DURATION)
    quiet_hours: str = _setting(
        "POSTING_QUIET_HOURS",
        "",
        "two times of day such as 23:00-07:00, in the account's time zone; empty for none",
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
    )
    warm_up: Duration = _setting("POSTING_WARM_UP", timedelta(), _DURATION)


class ScrapingSettings(Section):
    """Layer 8. Durations are account time."""

    follow_for: Duration = _setting("METRICS_FOLLOW_FOR", timedelta(days=7), _DURATION)
    page_posts: int = _setting("METRICS_PAGE_POSTS", 40, "a whole number from 10 to 200", ge=10, le=200)


class HarvestingSettings(Section):
    """Layer 9. Durations are account time."""

    queries: Words = _setting("HARVEST_QUERIES", (), "search queries, separated by commas")
    viral_likes: int = _setting("HARVEST_VIRAL_LIKES", 300, "a whole number, 0 or more", ge=0)
    freshness: Duration = _setting("HARVEST_FRESHNESS", timedelta(hours=24), _DURATION)
    pool_low: int = _setting("HARVEST_POOL_LOW", 200, "a whole number, 0 or more", ge=0)
    pool_high: int = _setting("HARVEST_POOL_HIGH", 300, "a whole number, 1 or more", ge=1)


class LearningSettings(Section):
    """Layer 10. Durations are account time."""

    maturity: Duration = _setting("LEARNING_MATURITY", timedelta(hours=48), _DURATION)
    min_impressions: int = _setting("LEARNING_MIN_IMPRESSIONS", 20, "a whole number, 0 or more", ge=0)
    holdout_first: float = _setting("LEARNING_HOLDOUT_FIRST", 0.15, "a share from 0 to 1", ge=0, le=1)
    holdout: float = _setting("LEARNING_HOLDOUT", 0.10, "a share from 0 to 1", ge=0, le=1)


class AlertingSettings(Section):
    """Where the owner is told. Durations are real time."""

    urls: Words = _setting("ALERT_URLS", (), "apprise addresses, separated by commas")
    webhook_url: HttpUrl | None = _setting("ALERT_WEBHOOK_URL", None, _HTTP)
    heartbeat_url: HttpUrl | None = _setting("HEARTBEAT_URL", None, _HTTP)
    group_wait: Duration = _setting("ALERT_GROUP_WAIT", timedelta(seconds=10), _DURATION)
    repeat: Duration = _setting("ALERT_REPEAT", timedelta(hours=4), _DURATION)


class DashboardSettings(Section):
    """The pages and the health server."""

    host: str = _setting("DASHBOARD_HOST", "127.0.0.1", "an address to listen on", min_length=1)
    port: int = _setting("PORT", 8787, "a port from 0 to 65535; 0 takes a free one", ge=0, le=65535)
    password: SecretStr | None = _setting("DASHBOARD_PASSWORD", None, "at least 8 characters", min_length=8)


class AccountSettings(Section):
    """One account, given by ``ACCOUNT_*`` or by ``[[accounts]]`` in the settings file.

    Its log-in is saved by ``stonechat login``, or given: ``TWITTER_SESSION_B64_<HANDLE>`` in the
    environment, ``session_b64`` in its table, and for the first account ``TWITTER_SESSION_B64`` too.
    """

    network: str = _setting(
        "ACCOUNT_NETWORK", "x_web", "x_web, the one network there is so far", pattern="^x_web$"
    )
    handle: str = _setting("ACCOUNT_HANDLE", "", "the account's handle, without @", pattern=r"^[\w.:-]*$")
    timezone: TimeZone = _setting("ACCOUNT_TIMEZONE", "UTC", "an IANA time zone such as Europe/Vienna")
    posts_per_day: int = _setting("POSTS_PER_DAY", 8, "a whole number from 1 to 48", ge=1, le=48)
    approval: Approval = _setting("APPROVAL", Approval.REPLIES, "none, replies or all")
    late_policy: LatePolicy = _setting("LATE_POLICY", LatePolicy.MOVE, "publish, move or miss")
    voice_file: Path | None = _setting(
        "ACCOUNT_VOICE_FILE", None, "the path of this account's voice file; VOICE_FILE by default"
    )
    session_b64: SecretStr | None = _setting(
        "ACCOUNT_SESSION_B64", None, "base64 of a Playwright storage_state or of a cookies array"
    )


class Settings(BaseModel):
    """All sections."""

    model_config = ConfigDict(frozen=True)

    startup: StartupSettings = Field(default_factory=StartupSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    jobs: JobsSettings = Field(default_factory=JobsSettings)
    browser: BrowserSettings = Field(default_factory=BrowserSettings)
    x_web: XWebSettings = Field(default_factory=XWebSettings)
    content: ContentSettings = Field(default_factory=ContentSettings)
    posting: PostingSettings = Field(default_factory=PostingSettings)
    scraping: ScrapingSettings = Field(default_factory=ScrapingSettings)
    harvesting: HarvestingSettings = Field(default_factory=HarvestingSettings)
    learning: LearningSettings = Field(default_factory=LearningSettings)
    alerting: AlertingSettings = Field(default_factory=AlertingSettings)
    dashboard: DashboardSettings = Field(default_factory=DashboardSettings)
    accounts: tuple[AccountSettings, ...] = ()

    def session_of(self, account: AccountSettings) -> SecretStr | None:
        """The log-in that the settings give for ``account``, if any."""
        if account.session_b64 is not None:
            return account.session_b64
        first = next((one for one in self.accounts if one.network == account.network), None)
        return self.x_web.session_b64 if first is not None and first.handle == account.handle else None

    @property
    def database_url(self) -> str:
        """The database's address; the embedded default is a SQLite file in the data folder."""
        return self.database.url or f"sqlite:///{self.startup.data_dir.absolute() / 'stonechat.db'}"
