"""The second edition's schema.

Every new column is nullable or has a default: rows of the first schema keep their meaning without being rewritten. Run
directories alone are written anew: their absolute paths did not lead anywhere once the state folder was moved.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE trials ADD COLUMN frozen_by TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE trials ADD COLUMN requeue INTEGER DEFAULT 0 NOT NULL CHECK (requeue IN (0, 1))",
    "ALTER TABLE trials ADD COLUMN partial INTEGER DEFAULT 0 NOT NULL CHECK (partial IN (0, 1))",
    """UPDATE attempts SET run_dir = (
        SELECT 'runs/' || s.name || '/' || t.number || '/' || attempts.attempt
        FROM trials AS t JOIN studies AS s ON s.id = t.study_id WHERE t.id = attempts.trial_id)""",
)


def upgrade() -> None:
    """Bring a file of schema 1 to schema 2."""
    for statement in STATEMENTS:
        op.execute(statement)
