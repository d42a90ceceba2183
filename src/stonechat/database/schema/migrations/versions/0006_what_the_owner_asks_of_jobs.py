"""What the owner asks of the job engine is a row until it has been done: to run a job now, to stop a run."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Two more columns; the rows that are there are wake-ups."""
    op.add_column("wakeups", sa.Column("verb", sa.String(length=10), nullable=False, server_default="wake"))
    op.add_column("wakeups", sa.Column("who", sa.String(length=100), nullable=False, server_default=""))
