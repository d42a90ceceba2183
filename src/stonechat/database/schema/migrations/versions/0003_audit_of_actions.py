"""The audit trail says through which door, on what, and from what to what, in columns of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; what an older line told in one text is its reason from now on."""
    op.execute("ALTER TABLE audit RENAME COLUMN detail TO why")
    op.add_column("audit", sa.Column("door", sa.String(length=20), nullable=False, server_default=""))
    for name in ("target", "before", "after"):
        op.add_column("audit", sa.Column(name, sa.Text(), nullable=False, server_default=""))
