"""What is read and how much of it: page loads, doubtful readings, posts that are gone, sources, days."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from stonechat.database.schema.types import UtcTime

revision = "0011"
down_revision = "0006"


def upgrade() -> None:
    """The new tables, and the conversation of an opportunity."""
    counts = [_number(name) for name in ("likes", "reposts", "replies", "quotes", "bookmarks", "views")]
    post, at = sa.Column("post_id", sa.String(120), nullable=False), _time("captured_at")
    why = sa.Column("why", sa.Text(), nullable=False)
    _table("doubtful_readings", post, at, *counts, why, unique=("post_id", "captured_at"))
    _table(
        "unseen_posts",
        sa.Column("post_id", sa.String(120), nullable=False),
        sa.Column("content_id", sa.String(64), nullable=False),
        _time("missed_at"),
        _number("misses", nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        unique=("post_id",),
    )
    purpose = sa.Column("purpose", sa.String(20), nullable=False)
    _table("page_loads", _time("hour"), purpose, _number("loads", nullable=False), unique=("hour", "purpose"))
    _table(
        "harvest_sources",
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("query", sa.String(300), nullable=False),
        _time("asked_at"),
        *(_number(name, nullable=False) for name in ("asked", "found", "dry")),
        unique=("source", "query"),
    )
    _table(
        "answered_replies",
        sa.Column("post_id", sa.String(120), nullable=False),
        sa.Column("answer_id", sa.String(120), nullable=False),
        _time("at"),
        unique=("post_id",),
    )
    op.add_column("reply_opportunities", sa.Column("conversation_id", sa.String(120), nullable=True))
    op.create_index("ix_opportunities_conversation", "reply_opportunities", ["account_id", "conversation_id"])


def _number(name: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _time(name: str) -> sa.Column[Any]:
    return sa.Column(name, UtcTime(), nullable=False)


def _table(name: str, *columns: sa.Column[Any], unique: tuple[str, ...]) -> None:
    serial = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    keys = ("account_id", *unique)
    op.create_table(
        name,
        sa.Column("id", serial, autoincrement=True, nullable=False),
        sa.Column("account_id", sa.String(120), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint(*keys, name=op.f(f"uq_{name}_{'_'.join(keys)}")),
    )
