"""The index of tries that count in every limit: each click, and no longer only those that had an effect."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Replace the index."""
    op.drop_index("ix_attempts_effect", "post_attempts")
    condition = sa.text("outcome IS NULL OR outcome NOT IN ('refused', 'unreached', 'rehearsed')")
    op.create_index(
        "ix_attempts_clicked",
        "post_attempts",
        ["account_id", "content_id"],
        sqlite_where=condition,
        postgresql_where=condition,
    )
