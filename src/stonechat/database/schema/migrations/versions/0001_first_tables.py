"""The first tables."""

import sqlalchemy as sa
from alembic import op

from stonechat.database.schema.types import Json, UtcTime

revision = "0001"
down_revision = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "account_metrics",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("captured_at", UtcTime(), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("following", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_metrics")),
        sa.UniqueConstraint(
            "account_id", "captured_at", name=op.f("uq_account_metrics_account_id_captured_at")
        ),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("handle", sa.String(length=100), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("posts_per_day", sa.Integer(), nullable=False),
        sa.Column("approval", sa.String(length=20), nullable=False),
        sa.Column("late_policy", sa.String(length=20), nullable=False),
        sa.Column("session_state", sa.String(length=20), nullable=False),
        sa.Column("session_since", UtcTime(), nullable=False),
        sa.Column("session_why", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("labels", Json, nullable=False),
        sa.Column("incident_id", sa.String(length=64), nullable=True),
        sa.Column("fired_at", UtcTime(), nullable=True),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("acked_by", sa.String(length=100), nullable=True),
        sa.Column("silenced_until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index("ix_alerts_state", "alerts", ["state", "state_since"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "breakers",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_breakers")),
    )
    op.create_table(
        "budget_entries",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("reserved_at", UtcTime(), nullable=False),
        sa.Column("reserved_usd", sa.Float(), nullable=False),
        sa.Column("reserved_tokens", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.Column("spent_usd", sa.Float(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_entries")),
    )
    op.create_index("ix_budget_account", "budget_entries", ["account_id", "reserved_at"], unique=False)
    op.create_index("ix_budget_open", "budget_entries", ["settled_at", "expires_at"], unique=False)
    op.create_index("ix_budget_time", "budget_entries", ["reserved_at"], unique=False)
    op.create_table(
        "budget_marks",
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "period", "share", name=op.f("pk_budget_marks")),
    )
    op.create_table(
        "content_metadata",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("arm", Json, nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("prompt_version", sa.String(length=60), nullable=False),
        sa.Column("writer_model", sa.String(length=100), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("opportunity_id", sa.String(length=64), nullable=True),
        sa.Column("in_reply_to", sa.String(length=120), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=True),
        sa.Column("lease_owner", sa.String(length=250), nullable=True),
        sa.Column("not_before", UtcTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("post_id", sa.String(length=120), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("posted_at", UtcTime(), nullable=True),
        sa.Column("approved_by", sa.String(length=100), nullable=True),
        sa.Column("approved_digest", sa.String(length=64), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_metadata")),
    )
    op.create_index(
        "ix_content_account_created", "content_metadata", ["account_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_content_account_posted", "content_metadata", ["account_id", "posted_at"], unique=False
    )
    op.create_index(
        "ix_content_account_state", "content_metadata", ["account_id", "state", "due_at"], unique=False
    )
    op.create_index("ix_content_due", "content_metadata", ["state", "due_at"], unique=False)
    op.create_index("ix_content_post", "content_metadata", ["account_id", "post_id"], unique=False)
    op.create_table(
        "executors",
        sa.Column("executor_id", sa.String(length=120), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("heartbeat_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name=op.f("pk_executors")),
    )
    op.create_table(
        "job_runs",
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("job", sa.String(length=60), nullable=False),
        sa.Column("tick", UtcTime(), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("heartbeat_at", UtcTime(), nullable=True),
        sa.Column("took_s", sa.Float(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("due", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_job_runs")),
    )
    op.create_index("ix_runs_job_tick", "job_runs", ["job", "account_id", "tick"], unique=False)
    op.create_index("ix_runs_state", "job_runs", ["state", "state_since"], unique=False)
    op.create_table(
        "job_steps",
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("result_bytes", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_job_steps")),
    )
    op.create_table(
        "metrics_snapshots",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("post_id", sa.String(length=120), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=True),
        sa.Column("captured_at", UtcTime(), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=True),
        sa.Column("reposts", sa.Integer(), nullable=True),
        sa.Column("replies", sa.Integer(), nullable=True),
        sa.Column("quotes", sa.Integer(), nullable=True),
        sa.Column("bookmarks", sa.Integer(), nullable=True),
        sa.Column("views", sa.Integer(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metrics_snapshots")),
        sa.UniqueConstraint(
            "account_id",
            "post_id",
            "captured_at",
            name=op.f("uq_metrics_snapshots_account_id_post_id_captured_at"),
        ),
    )
    op.create_index("ix_snapshots_content", "metrics_snapshots", ["content_id", "captured_at"], unique=False)
    op.create_table(
        "models",
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("rewards", sa.Integer(), nullable=False),
        sa.Column("last_reward_id", SERIAL, nullable=False),
        sa.Column("serving", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "kind", "version", name=op.f("pk_models")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("alert_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=60), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due", "outbox", ["sent_at", "due_at"], unique=False)
    op.create_table(
        "post_attempts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("parts_from", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=120), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("started_wall", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_wall", UtcTime(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_attempts")),
        sa.UniqueConstraint("content_id", "number", name=op.f("uq_post_attempts_content_id_number")),
    )
    op.create_index(
        "ix_attempts_account_started", "post_attempts", ["account_id", "started_at"], unique=False
    )
    op.create_table(
        "post_parts",
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("post_id", sa.String(length=120), nullable=False),
        sa.Column("confirmed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "number", name=op.f("pk_post_parts")),
        sa.UniqueConstraint("account_id", "post_id", name=op.f("uq_post_parts_account_id_post_id")),
    )
    op.create_table(
        "rejected_drafts",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("arm", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_drafts")),
    )
    op.create_index("ix_rejected_account", "rejected_drafts", ["account_id", "at"], unique=False)
    op.create_table(
        "reply_opportunities",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("post_id", sa.String(length=120), nullable=False),
        sa.Column("author", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("posted_at", UtcTime(), nullable=False),
        sa.Column("found_at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_since", UtcTime(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("invited", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("likes", sa.Integer(), nullable=True),
        sa.Column("reposts", sa.Integer(), nullable=True),
        sa.Column("replies", sa.Integer(), nullable=True),
        sa.Column("views", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_opportunities")),
        sa.UniqueConstraint("account_id", "post_id", name=op.f("uq_reply_opportunities_account_id_post_id")),
    )
    op.create_index("ix_opportunities_author", "reply_opportunities", ["account_id", "author"], unique=False)
    op.create_index(
        "ix_opportunities_state", "reply_opportunities", ["account_id", "state", "score"], unique=False
    )
    op.create_table(
        "reserve_drafts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("parts", Json, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("arm", Json, nullable=False),
        sa.Column("prompt_version", sa.String(length=60), nullable=False),
        sa.Column("writer_model", sa.String(length=100), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("approved_by", sa.String(length=100), nullable=True),
        sa.Column("drawn_at", UtcTime(), nullable=True),
        sa.Column("content_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reserve_drafts")),
    )
    op.create_index(
        "ix_reserve_account", "reserve_drafts", ["account_id", "drawn_at", "created_at"], unique=False
    )
    op.create_table(
        "rewards",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("post_id", sa.String(length=120), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("refused", sa.Text(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=True),
        sa.Column("arm", Json, nullable=False),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("holdout", sa.Boolean(), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("posted_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rewards")),
        sa.UniqueConstraint("account_id", "post_id", name=op.f("uq_rewards_account_id_post_id")),
    )
    op.create_table(
        "state_history",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("entity_id", sa.String(length=200), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("before", sa.String(length=20), nullable=False),
        sa.Column("after", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_history")),
    )
    op.create_index("ix_history_entity", "state_history", ["kind", "entity_id"], unique=False)
    op.create_table(
        "switches",
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("off", sa.Boolean(), nullable=False),
        sa.Column("who", sa.String(length=100), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_switches")),
    )
    op.create_table(
        "watched_authors",
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("handle", sa.String(length=100), nullable=False),
        sa.Column("found_at", UtcTime(), nullable=False),
        sa.Column("followers", sa.Integer(), nullable=True),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("account_id", "handle", name=op.f("uq_watched_authors_account_id_handle")),
    )
