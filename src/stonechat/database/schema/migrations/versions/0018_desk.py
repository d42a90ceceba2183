"""Tokens for the API, and what stands above a post that is answered."""

import sqlalchemy as sa
from alembic import op

from stonechat.database.schema.types import Json, UtcTime

revision = "0018"
down_revision = "0011"


def upgrade() -> None:
    """The table of tokens, and the thread of an opportunity."""
    op.add_column("reply_opportunities", sa.Column("thread", Json, nullable=True))
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("account_id", sa.String(120), nullable=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
