"""The second edition's schema.

Every new column is nullable or has a default: rows of the first schema keep their meaning without being rewritten. Run
directories alone are written anew: their absolute paths did not lead anywhere once the state folder was moved. Facts
that were in words alone are filled in: that trials stopped by patience, or at a rung, and who paused a study. Where a
study's best trial was one cut short while others had run to their end, the best of those takes its place.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "ALTER TABLE trials ADD COLUMN frozen_by TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE studies ADD COLUMN test_looks INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE trials ADD COLUMN requeue INTEGER DEFAULT 0 NOT NULL CHECK (requeue IN (0, 1))",
    """ALTER TABLE trials ADD COLUMN stopped_by TEXT DEFAULT '' NOT NULL CHECK (stopped_by = '' OR stopped_by IN
    ('disk', 'folds', 'patience', 'rung', 'study', 'user'))""",
    """ALTER TABLE trials ADD COLUMN tier INTEGER GENERATED ALWAYS AS (CASE WHEN value IS NULL OR abs(value) >= 9e999
    THEN 2 WHEN state = 'completed' AND stopped_by = '' THEN 0 WHEN state = 'pruned' AND stopped_by = 'patience' THEN 0
    WHEN state IN ('completed', 'pruned') THEN 1 ELSE 2 END) VIRTUAL""",
    "DROP INDEX trials_ranked",
    "DROP INDEX trials_value",
    "CREATE INDEX trials_value ON trials (study_id, tier, value, number)",
    "DROP TRIGGER trials_ended",
    "UPDATE trials SET stopped_by = 'patience' WHERE state = 'pruned' AND reason LIKE 'no better % steps than %'",
    """UPDATE trials SET stopped_by = 'rung' WHERE state = 'pruned' AND stopped_by = '' AND EXISTS
    (SELECT 1 FROM rungs r WHERE r.trial_id = trials.id AND r.verdict IN ('paused', 'pruned'))""",
    """CREATE TABLE card_uses ( id INTEGER NOT NULL, card TEXT NOT NULL, at REAL NOT NULL, used TEXT NOT NULL,
    PRIMARY KEY (id)) STRICT""",
    "ALTER TABLE studies ADD COLUMN caller TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE trials ADD COLUMN caller TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE trials ADD COLUMN still_s REAL DEFAULT 0 NOT NULL",
    "ALTER TABLE trials ADD COLUMN still_since REAL",
    "ALTER TABLE attempts ADD COLUMN still_s REAL DEFAULT 0 NOT NULL",
    # The clock of a trial that waits after a run stands still.
    """UPDATE trials SET still_since = (SELECT max(a.ended_at) FROM attempts a WHERE a.trial_id = trials.id)
    WHERE state IN ('queued', 'paused') AND started_at IS NOT NULL""",
    # So does that of a frozen one. Of an event that is gone by now nothing is known: its clock goes on.
    """UPDATE trials SET still_since = (SELECT max(trials.started_at, max(e.at)) FROM events e JOIN studies s
    ON s.name = e.study WHERE s.id = trials.study_id AND e.number = trials.number AND e.type = 'trial.frozen')
    WHERE state = 'running' AND frozen = 1""",
    """ALTER TABLE studies ADD COLUMN paused_by TEXT DEFAULT '' NOT NULL CHECK (paused_by = '' OR paused_by IN
    ('cap', 'daemon', 'import', 'user'))""",
    """UPDATE studies SET paused_by = CASE reason WHEN '' THEN 'user' WHEN 'paused by you' THEN 'user'
    WHEN 'its trials are being imported' THEN 'import' ELSE 'daemon' END WHERE state = 'paused'""",
    "CREATE INDEX trials_caller ON trials (caller) WHERE caller <> ''",
    "ALTER TABLE events ADD COLUMN caller TEXT DEFAULT '' NOT NULL",
    # A constraint with a further value: rows need no rewriting, so the schema's text alone is changed.
    "PRAGMA writable_schema = ON",
    """UPDATE sqlite_master SET sql = replace(sql, 'failure IN (''error'',', 'failure IN (''device'', ''error'',')
    WHERE type = 'table' AND name = 'trials'""",
    "PRAGMA writable_schema = RESET",
    """CREATE TRIGGER trials_ended BEFORE UPDATE ON trials WHEN OLD.state IN ('cancelled', 'completed', 'failed',
    'lost', 'pruned') BEGIN SELECT RAISE(ABORT, 'an ended trial never changes'); END""",
    """UPDATE studies SET best_trial_id = (SELECT t.id FROM trials t JOIN study_specs s ON s.study_id = t.study_id
    WHERE t.study_id = studies.id AND t.tier < 2 ORDER BY t.tier,
    CASE json_extract(s.spec, '$.objectives[0].direction') WHEN 'maximize' THEN -t.value ELSE t.value END, t.number
    LIMIT 1) WHERE best_trial_id IN (SELECT id FROM trials WHERE tier = 1)""",
    """UPDATE attempts SET run_dir = (
        SELECT 'runs/' || s.name || '/' || t.number || '/' || attempts.attempt
        FROM trials AS t JOIN studies AS s ON s.id = t.study_id WHERE t.id = attempts.trial_id)""",
)


def upgrade() -> None:
    """Bring a file of schema 1 to schema 2."""
    for statement in STATEMENTS:
        op.execute(statement)
