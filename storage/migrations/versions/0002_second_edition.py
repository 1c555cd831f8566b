"""The second edition's schema.

Every new column is nullable or has a default: rows of the first schema keep their meaning without being rewritten.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE trials ADD COLUMN frozen_by TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE trials ADD COLUMN requeue INTEGER DEFAULT 0 NOT NULL CHECK (requeue IN (0, 1))",
)


def upgrade() -> None:
    """Add columns and tables to a file of schema 1."""
    for statement in STATEMENTS:
        op.execute(statement)
