"""Every table. Each carries ``account_id`` (null where a row concerns the whole system).

Times are UTC with time zone. State changes are appended to ``state_history`` and never altered.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from stonechat.database.schema.types import Json, UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

HAD_EFFECT = "outcome IS NULL OR outcome IN ('posted', 'unconfirmed', 'partial')"
"""The tries that had an effect on the network or may have had one; without an outcome: in flight or lost."""

_Serial = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[str]:
    return Column("id", String(64), primary_key=True)


def _account(nullable: bool = False) -> Column[str]:
    return Column("account_id", String(120), nullable=nullable)


def _where(index: str, *columns: Any, where: str) -> Index:
    """An index of the few rows that are asked for, out of a table that keeps everything for ever."""
    condition = text(where)
    return Index(index, *columns, sqlite_where=condition, postgresql_where=condition)


def _serial() -> Column[int]:
    return Column("id", _Serial, primary_key=True, autoincrement=True)


accounts = Table(
    "accounts",
    metadata,
    Column("account_id", String(120), primary_key=True),
    Column("network", String(20), nullable=False),
    Column("handle", String(100), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("posts_per_day", Integer, nullable=False),
    Column("approval", String(20), nullable=False),
    Column("late_policy", String(20), nullable=False),
    Column("session_state", String(20), nullable=False),
    Column("session_since", UtcTime, nullable=False),
    Column("session_why", Text, nullable=False, default=""),
    Column("created_at", UtcTime, nullable=False),
)

account_sessions = Table(
    "account_sessions",
    metadata,
    Column("account_id", String(120), primary_key=True),
    Column("sealed", Text, nullable=False),  # encrypted; without the key it opens nothing
    Column("generation", Integer, nullable=False),  # one more with each new log-in; renewed cookies keep it
    Column("version", Integer, nullable=False),  # one more with each write
    Column("settings_seen", Json, nullable=False),  # fingerprints of the settings' log-ins taken up so far
    Column("source", String(20), nullable=False),  # login, file, setting
    Column("at", UtcTime, nullable=False),  # real time
)

post_checks = Table(
    "post_checks",
    metadata,
    Column("content_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),  # 0 for the first part
    _account(),
    Column("at", UtcTime, nullable=False),
    Column("verdict", String(20), nullable=False),  # seen, other_text, other_id, missing
)

content_media = Table(
    "content_media",
    metadata,
    Column("content_id", String(64), primary_key=True),
    Column("part", Integer, primary_key=True),  # 0 for the first part
    Column("position", Integer, primary_key=True),  # 0 for the first picture of the part
    _account(),
    Column("sha256", String(64), nullable=False),
    Column("mime", String(60), nullable=False),
    Column("size", Integer, nullable=False),
    Column("alt", Text, nullable=False),
    Column("added_at", UtcTime, nullable=False),
)

media_bytes = Table(
    "media_bytes",
    metadata,
    Column("sha256", String(64), primary_key=True),
    _account(nullable=True),
    Column("body", LargeBinary, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column(
        "scope", String(200), primary_key=True
    ),  # "posting", "posting/<account>", "job/<name>[/<account>]"
    _account(nullable=True),
    Column("off", Boolean, nullable=False),
    Column("who", String(100), nullable=False),
    Column("why", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

content_metadata = Table(
    "content_metadata",
    metadata,
    _id(),
    _account(),
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_since", UtcTime, nullable=False),
    Column("parts", Json, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("arm", Json, nullable=False),
    Column("propensity", Float),
    Column("holdout", Boolean, nullable=False, default=False),
    Column("model_version", Integer, nullable=False, default=0),
    Column("prompt_version", String(60), nullable=False, default=""),
    Column("writer_model", String(100), nullable=False, default=""),
    Column("cost_usd", Float, nullable=False, default=0.0),
    Column("opportunity_id", String(64)),
    Column("in_reply_to", String(120)),
    Column("quote_of", String(120)),
    Column("media_digest", String(64)),  # of its pictures with their descriptions; null where it has none
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_until", UtcTime),  # real time
    Column("lease_owner", String(250)),  # the run that holds it; the same run may take over at once
    Column("not_before", UtcTime),  # back-off after a refusal; the slot itself stays in due_at
    Column("attempts", Integer, nullable=False, default=0),
    Column("post_id", String(120)),
    Column("url", Text),
    Column("posted_at", UtcTime),
    Column("approved_by", String(100)),
    Column("approved_digest", String(64)),  # of the exact bytes that were approved
    Column("why", Text, nullable=False, default=""),
    Index("ix_content_due", "state", "due_at"),
    Index("ix_content_account_state", "account_id", "state", "due_at"),
    Index("ix_content_account_posted", "account_id", "state", "posted_at"),
    Index("ix_content_account_created", "account_id", "created_at"),
    Index("ix_content_post", "account_id", "post_id"),
    Index("ix_content_account_due", "account_id", "due_at"),
    Index("ix_content_newest", "state", "posted_at"),
    _where(
        "ix_content_held_back",
        "account_id",
        "not_before",
        where="state = 'queued' AND not_before IS NOT NULL",
    ),
    _where("ix_content_opportunity", "opportunity_id", where="opportunity_id IS NOT NULL"),
)

post_parts = Table(
    "post_parts",
    metadata,
    Column("content_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),  # 0 for the first part
    _account(),
    Column("post_id", String(120), nullable=False),
    Column("confirmed_at", UtcTime, nullable=False),
    UniqueConstraint("account_id", "post_id"),
)

post_attempts = Table(
    "post_attempts",
    metadata,
    _id(),
    Column("content_id", String(64), nullable=False),
    _account(),
    Column("number", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("parts_from", Integer, nullable=False, default=0),
    Column("host", String(120), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("started_wall", UtcTime, nullable=False),  # real time: grace periods are counted in it
    Column("ended_at", UtcTime),
    Column("ended_wall", UtcTime),  # real time; null where the process died or it is in flight
    Column("outcome", String(20)),  # posted, partial, unconfirmed, absent, refused, rehearsed; null in flight
    Column("detail", Text, nullable=False, default=""),
    UniqueConstraint("content_id", "number"),
    Index("ix_attempts_account_started", "account_id", "started_at"),
    _where("ix_attempts_effect", "account_id", "content_id", where=HAD_EFFECT),
)

state_history = Table(
    "state_history",
    metadata,
    _serial(),
    _account(nullable=True),
    Column("kind", String(20), nullable=False),  # content, opportunity, session, breaker, alert, switch
    Column("entity_id", String(200), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("who", String(100), nullable=False),
    Column("before", String(20), nullable=False),
    Column("after", String(20), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Index("ix_history_entity", "kind", "entity_id"),
)

metrics_snapshots = Table(
    "metrics_snapshots",
    metadata,
    _serial(),
    _account(),
    Column("post_id", String(120), nullable=False),
    Column("content_id", String(64)),
    Column("captured_at", UtcTime, nullable=False),
    Column("likes", Integer),
    Column("reposts", Integer),
    Column("replies", Integer),
    Column("quotes", Integer),
    Column("bookmarks", Integer),
    Column("views", Integer),
    Column("source", String(10), nullable=False),
    UniqueConstraint("account_id", "post_id", "captured_at"),
    Index("ix_snapshots_content", "content_id", "captured_at"),
)

account_metrics = Table(
    "account_metrics",
    metadata,
    _serial(),
    _account(),
    Column("captured_at", UtcTime, nullable=False),
    Column("followers", Integer),
    Column("following", Integer),
    UniqueConstraint("account_id", "captured_at"),
)

reply_opportunities = Table(
    "reply_opportunities",
    metadata,
    _id(),
    _account(),
    Column("post_id", String(120), nullable=False),
    Column("author", String(100), nullable=False),
    Column("text", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("posted_at", UtcTime, nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_since", UtcTime, nullable=False),
    Column("source", String(40), nullable=False),
    Column("invited", Boolean, nullable=False, default=False),
    Column("score", Float, nullable=False, default=0.0),
    Column("likes", Integer),
    Column("reposts", Integer),
    Column("replies", Integer),
    Column("views", Integer),
    UniqueConstraint("account_id", "post_id"),
    Index("ix_opportunities_state", "account_id", "state", "score"),
    Index("ix_opportunities_author", "account_id", "author"),
    Index("ix_opportunities_author_lower", "account_id", func.lower(text("author"))),
)

watched_authors = Table(
    "watched_authors",
    metadata,
    _account(),
    Column("handle", String(100), nullable=False),
    Column("found_at", UtcTime, nullable=False),
    Column("followers", Integer),
    Column("score", Float, nullable=False, default=0.0),
    Column("opted_out", Boolean, nullable=False, default=False),
    UniqueConstraint("account_id", "handle"),
)

rewards = Table(
    "rewards",
    metadata,
    _serial(),
    _account(),
    Column("content_id", String(64), nullable=False),
    Column("post_id", String(120), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("value", Float),
    Column("refused", Text, nullable=False, default=""),
    Column("views", Integer),
    Column("arm", Json, nullable=False),
    Column("propensity", Float),
    Column("holdout", Boolean, nullable=False, default=False),
    Column("model_version", Integer, nullable=False, default=0),
    Column("posted_at", UtcTime),
    UniqueConstraint("account_id", "post_id"),
)

models = Table(
    "models",
    metadata,
    Column("account_id", String(120), primary_key=True),
    Column("kind", String(20), primary_key=True),  # bandit, predictor
    Column("version", Integer, primary_key=True),
    Column("created_at", UtcTime, nullable=False),
    Column("body", Text, nullable=False),  # JSON; text so that replay can be compared byte for byte
    Column("rewards", Integer, nullable=False),
    Column("last_reward_id", _Serial, nullable=False),
    Column("serving", Boolean, nullable=False),
    Column("why", Text, nullable=False, default=""),
)

budget_entries = Table(
    "budget_entries",
    metadata,
    _id(),
    _account(),
    Column("purpose", String(40), nullable=False),
    Column("model", String(100), nullable=False, default=""),
    Column("reserved_at", UtcTime, nullable=False),
    Column("reserved_usd", Float, nullable=False),
    Column("reserved_tokens", Integer, nullable=False, default=0),
    Column("expires_at", UtcTime, nullable=False),  # real time: a reservation never outlives its call
    Column("settled_at", UtcTime),
    Column("spent_usd", Float),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Index("ix_budget_account", "account_id", "reserved_at"),
    Index("ix_budget_time", "reserved_at"),
    Index("ix_budget_open", "settled_at", "expires_at"),
)

budget_marks = Table(
    "budget_marks",
    metadata,
    Column("scope", String(120), primary_key=True),  # an account's id, or "all"
    Column("period", String(20), primary_key=True),  # "2026-01-05" or "2026-01"
    Column("share", Integer, primary_key=True),  # per cent
    _account(nullable=True),
    Column("at", UtcTime, nullable=False),
)

rejected_drafts = Table(
    "rejected_drafts",
    metadata,
    _serial(),
    _account(),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
    Column("step", String(40), nullable=False),
    Column("why", Text, nullable=False),
    Column("arm", Json, nullable=False),
    Index("ix_rejected_account", "account_id", "at"),
)

reserve_drafts = Table(
    "reserve_drafts",
    metadata,
    _id(),
    _account(),
    Column("created_at", UtcTime, nullable=False),
    Column("parts", Json, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("arm", Json, nullable=False),
    Column("prompt_version", String(60), nullable=False, default=""),
    Column("writer_model", String(100), nullable=False, default=""),
    Column("cost_usd", Float, nullable=False, default=0.0),
    Column("approved_by", String(100)),
    Column("drawn_at", UtcTime),
    Column("content_id", String(64)),
    Index("ix_reserve_account", "account_id", "drawn_at", "created_at"),
)

job_progress = Table(  # of each job and account: schedule position, last outcome, latest ends
    "job_progress",
    metadata,
    Column("id", String(250), primary_key=True),
    _account(nullable=True),
    Column("job", String(60), nullable=False),
    Column("changed_at", UtcTime, nullable=False),  # real time
    Column("position", UtcTime),
    Column("run_id", String(250)),
    Column("tick", UtcTime),
    Column("trigger", String(40)),  # schedule, due, wake, manual, watchdog
    Column("state", String(20)),
    Column("host", String(120)),
    Column("attempt", Integer),
    Column("started_at", UtcTime),  # real time
    Column("ended_at", UtcTime),  # real time
    Column("took_s", Float),  # real seconds
    Column("done", Integer),
    Column("due", Integer),
    Column("note", Text),
    Column("error", Text),
    Column("ends", Json, nullable=False),
    Column("held_tick", UtcTime),
    Column("held_at", UtcTime),  # real time
    Column("held_why", Text),
    Index("ix_progress_job", "job"),
    Index("ix_progress_changed", "changed_at"),
)
wakeups = Table(  # asked for by a run; gone once another has followed
    "wakeups",
    metadata,
    Column("id", String(250), primary_key=True),
    _account(nullable=True),
    Column("job", String(60), nullable=False),
    Column("at", UtcTime, nullable=False),
)

job_declarations = Table(  # what was declared at the last start, for commands while nothing runs
    "job_declarations",
    metadata,
    Column("job", String(60), primary_key=True),
    _account(nullable=True),
    Column("body", Json, nullable=False),
    Column("declared_at", UtcTime, nullable=False),  # real time
)

executors = Table(
    "executors",
    metadata,
    Column("executor_id", String(120), primary_key=True),
    _account(nullable=True),
    Column("host", String(120), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("heartbeat_at", UtcTime, nullable=False),
)

breakers = Table(
    "breakers",
    metadata,
    Column("name", String(120), primary_key=True),
    _account(nullable=True),
    Column("state", String(20), nullable=False),
    Column("since", UtcTime, nullable=False),  # real time
    Column("version", Integer, nullable=False),
    Column("body", Json, nullable=False),
    Column("why", Text, nullable=False, default=""),
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    _account(nullable=True),
    Column("rule", String(80), nullable=False),
    Column("state", String(20), nullable=False),
    Column("state_since", UtcTime, nullable=False),  # real time, as all of alerting
    Column("severity", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("remedy", Text, nullable=False, default=""),
    Column("labels", Json, nullable=False),
    Column("incident_id", String(64)),
    Column("fired_at", UtcTime),
    Column("resolved_at", UtcTime),
    Column("acked_by", String(100)),
    Column("silenced_until", UtcTime),
    Index("ix_alerts_state", "state", "state_since"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    _account(nullable=True),
    Column("alert_id", String(64), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("body", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("sent_at", UtcTime),
    Column("error", Text, nullable=False, default=""),
    Index("ix_outbox_due", "sent_at", "due_at"),
)

audit = Table(
    "audit",
    metadata,
    _serial(),
    _account(nullable=True),
    Column("at", UtcTime, nullable=False),
    Column("who", String(100), nullable=False),
    Column("action", String(80), nullable=False),
    Column("detail", Text, nullable=False, default=""),
)
