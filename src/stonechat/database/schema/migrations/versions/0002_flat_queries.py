"""Indexes that keep every query of the posting path flat, and what else this version adds."""

import sqlalchemy as sa
from alembic import op

from stonechat.database.schema.types import Json, UtcTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them."""
    op.create_index("ix_content_newest", "content_metadata", ["state", "posted_at"])
    op.drop_index("ix_content_account_posted", "content_metadata")
    op.create_index("ix_content_account_posted", "content_metadata", ["account_id", "state", "posted_at"])
    _index_where(
        "ix_content_held_back",
        "content_metadata",
        ["account_id", "not_before"],
        "state = 'queued' AND not_before IS NOT NULL",
    )
    op.create_index("ix_content_account_due", "content_metadata", ["account_id", "due_at"])
    _index_where(
        "ix_attempts_effect",
        "post_attempts",
        ["account_id", "content_id"],
        "outcome IS NULL OR outcome IN ('posted', 'unconfirmed', 'partial')",
    )
    op.create_index(
        "ix_opportunities_author_lower", "reply_opportunities", ["account_id", sa.text("lower(author)")]
    )
    op.create_index("ix_runs_tick", "job_runs", ["tick", "run_id"])
    op.create_index("ix_runs_ended", "job_runs", ["ended_at"])
    op.add_column("content_metadata", sa.Column("quote_of", sa.String(length=120), nullable=True))
    _index_where(
        "ix_content_opportunity", "content_metadata", ["opportunity_id"], "opportunity_id IS NOT NULL"
    )
    _create_job_tables()
    _create_posting_tables()


def _create_job_tables() -> None:
    op.create_table(
        "wakeups",
        sa.Column("id", sa.String(length=250), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("job", sa.String(length=60), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wakeups")),
    )
    op.create_table(
        "job_declarations",
        sa.Column("job", sa.String(length=60), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("body", Json, nullable=False),
        sa.Column("declared_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_declarations")),
    )


def _create_posting_tables() -> None:
    op.add_column("content_metadata", sa.Column("media_digest", sa.String(length=64), nullable=True))
    op.create_table(
        "account_sessions",
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings_seen", Json, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_sessions")),
    )
    op.create_table(
        "post_checks",
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "number", name=op.f("pk_post_checks")),
    )
    op.create_table(
        "content_media",
        sa.Column("content_id", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("mime", sa.String(length=60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.Column("added_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", "part", "position", name=op.f("pk_content_media")),
    )
    op.create_table(
        "media_bytes",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=120), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_media_bytes")),
    )


def _index_where(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
