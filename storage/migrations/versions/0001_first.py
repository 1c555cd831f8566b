"""The first schema.

Frozen: later changes are steps of their own.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE meta (
        "key" TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY ("key")
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE studies (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('completed', 'draining', 'failed', 'paused', 'running', 'stopped')),
        reason TEXT DEFAULT '' NOT NULL,
        note TEXT DEFAULT '' NOT NULL,
        phase TEXT DEFAULT '' NOT NULL,
        priority INTEGER DEFAULT 0 NOT NULL,
        created_at REAL NOT NULL,
        ended_at REAL,
        running_s REAL DEFAULT 0 NOT NULL,
        running_since REAL,
        next_number INTEGER DEFAULT 1 NOT NULL,
        other_code INTEGER DEFAULT 0 NOT NULL,
        best_trial_id INTEGER,
        UNIQUE (name)
    )
     STRICT
    """,
    """
    CREATE TABLE events (
        seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        type TEXT NOT NULL,
        study TEXT NOT NULL,
        number INTEGER,
        data TEXT NOT NULL
    )
     STRICT
    """,
    """
    CREATE TABLE study_specs (
        study_id INTEGER NOT NULL,
        spec TEXT NOT NULL,
        submitted TEXT NOT NULL,
        content_hash TEXT NOT NULL,
        environment TEXT NOT NULL,
        space INTEGER DEFAULT 1 NOT NULL,
        PRIMARY KEY (study_id),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     STRICT
    """,
    """
    CREATE TABLE space_versions (
        study_id INTEGER NOT NULL,
        version INTEGER NOT NULL,
        space TEXT NOT NULL,
        origin TEXT NOT NULL,
        why TEXT DEFAULT '' NOT NULL,
        changes TEXT DEFAULT '[]' NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (study_id, version),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE study_counts (
        study_id INTEGER NOT NULL,
        state TEXT NOT NULL,
        n INTEGER NOT NULL,
        aside INTEGER DEFAULT 0 NOT NULL,
        again INTEGER DEFAULT 0 NOT NULL,
        PRIMARY KEY (study_id, state),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE pipelines (
        study_id INTEGER NOT NULL,
        steps TEXT NOT NULL,
        PRIMARY KEY (study_id),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     STRICT
    """,
    """
    CREATE TABLE trials (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        study_id INTEGER NOT NULL,
        number INTEGER NOT NULL CHECK (number > 0),
        state TEXT NOT NULL CHECK (state IN ('cancelled', 'completed', 'failed', 'lost', 'paused', 'pruned',
            'queued', 'running', 'starting')),
        params TEXT NOT NULL,
        point_key TEXT NOT NULL,
        values_json TEXT DEFAULT '{}' NOT NULL,
        value REAL,
        priority INTEGER DEFAULT 0 NOT NULL,
        rank INTEGER DEFAULT 1 NOT NULL,
        origin TEXT NOT NULL,
        why TEXT DEFAULT '' NOT NULL,
        attempt INTEGER DEFAULT 0 NOT NULL,
        stop_reason TEXT,
        stop_at REAL,
        failure TEXT CHECK (failure IS NULL OR failure IN ('error', 'infeasible', 'killed', 'lost', 'nan',
            'oom', 'timeout')),
        reason TEXT DEFAULT '' NOT NULL,
        device TEXT DEFAULT '' NOT NULL,
        seed INTEGER NOT NULL,
        stage TEXT DEFAULT 'search' NOT NULL,
        last_step REAL,
        code TEXT DEFAULT '' NOT NULL,
        space INTEGER DEFAULT 1 NOT NULL,
        frozen INTEGER DEFAULT 0 NOT NULL,
        retry_of INTEGER,
        retries_used TEXT DEFAULT '{}' NOT NULL,
        created_at REAL NOT NULL,
        started_at REAL,
        ended_at REAL,
        moved_seq INTEGER DEFAULT 0 NOT NULL,
        CHECK (frozen IN (0, 1)),
        UNIQUE (study_id, number),
        CHECK (stop_reason IS NULL OR (stop_reason IN ('cancel', 'kill', 'pause', 'prune') AND state IN
            ('running', 'starting'))),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     STRICT
    """,
    """
    CREATE TABLE attempts (
        trial_id INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        attempt_id TEXT NOT NULL,
        run_dir TEXT NOT NULL,
        device TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        started_at REAL,
        ended_at REAL,
        supervisor_pid INTEGER,
        supervisor_start INTEGER,
        mode TEXT,
        start TEXT,
        exit TEXT,
        ended_by TEXT DEFAULT '' NOT NULL,
        failure TEXT,
        reason TEXT DEFAULT '' NOT NULL,
        traceback TEXT DEFAULT '' NOT NULL,
        ingest_offset INTEGER DEFAULT 0 NOT NULL,
        bad_lines INTEGER DEFAULT 0 NOT NULL,
        sdk INTEGER DEFAULT 0 NOT NULL,
        stop_seen INTEGER DEFAULT 0 NOT NULL,
        resumable INTEGER DEFAULT 0 NOT NULL,
        shared INTEGER DEFAULT 0 NOT NULL,
        PRIMARY KEY (trial_id, attempt),
        CHECK (sdk IN (0, 1)),
        CHECK (stop_seen IN (0, 1)),
        CHECK (resumable IN (0, 1)),
        CHECK (shared IN (0, 1)),
        FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE,
        UNIQUE (attempt_id)
    )
     STRICT
    """,
    """
    CREATE TABLE observations (
        trial_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        step REAL NOT NULL,
        value REAL,
        time REAL,
        PRIMARY KEY (trial_id, name, attempt, step),
        FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE bad_lines (
        trial_id INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        "offset" INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (trial_id, attempt, "offset"),
        FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE trial_params (
        study_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        num REAL NOT NULL,
        txt TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (study_id, name, num, txt, number),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE rungs (
        trial_id INTEGER NOT NULL,
        rung INTEGER NOT NULL,
        study_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        step REAL NOT NULL,
        value REAL,
        score REAL NOT NULL,
        counted INTEGER DEFAULT 0 NOT NULL,
        peers INTEGER NOT NULL,
        passing INTEGER NOT NULL,
        cutoff REAL,
        verdict TEXT NOT NULL CHECK (verdict IN ('continued', 'finishing', 'paused', 'promoted', 'pruned',
            'rescued')),
        at REAL NOT NULL,
        PRIMARY KEY (trial_id, rung),
        CHECK (counted IN (0, 1)),
        FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE rung_marks (
        study_id INTEGER NOT NULL,
        rung INTEGER NOT NULL,
        peers INTEGER NOT NULL,
        cut_score REAL,
        cut_number INTEGER,
        PRIMARY KEY (study_id, rung),
        FOREIGN KEY(study_id) REFERENCES studies (id) ON DELETE CASCADE
    )
     WITHOUT ROWID,
     STRICT
    """,
    """
    CREATE TABLE streaks (
        trial_id INTEGER NOT NULL,
        best REAL NOT NULL,
        best_step REAL NOT NULL,
        PRIMARY KEY (trial_id),
        FOREIGN KEY(trial_id) REFERENCES trials (id) ON DELETE CASCADE
    )
     STRICT
    """,
    """
    CREATE INDEX studies_active ON studies (state) WHERE state IN ('draining', 'paused', 'running')
    """,
    """
    CREATE INDEX events_study ON events (study)
    """,
    """
    CREATE INDEX trials_live ON trials (state) WHERE state IN ('running', 'starting')
    """,
    """
    CREATE INDEX trials_queue ON trials (study_id, priority DESC, rank, number) WHERE state = 'queued'
    """,
    """
    CREATE INDEX trials_point ON trials (study_id, point_key)
    """,
    """
    CREATE INDEX trials_state ON trials (study_id, state, number)
    """,
    """
    CREATE INDEX trials_ranked ON trials (study_id, value, number) WHERE state IN ('completed', 'pruned') AND
            value IS NOT NULL
    """,
    """
    CREATE INDEX trials_value ON trials (study_id, value, number)
    """,
    """
    CREATE INDEX trials_moved ON trials (study_id, moved_seq)
    """,
    """
    CREATE INDEX rungs_ranked ON rungs (study_id, rung, score, number) WHERE counted = 1
    """,
    """
    CREATE INDEX rungs_rescued ON rungs (study_id) WHERE verdict = 'rescued'
    """,
    """
    CREATE INDEX rungs_waiting ON rungs (study_id) WHERE verdict = 'paused'
    """,
    """
    CREATE TRIGGER trials_counted_in AFTER INSERT ON trials BEGIN INSERT INTO study_counts (study_id, state, n, aside,
            again)
        VALUES (NEW.study_id, NEW.state, 1, NEW.stage <> 'search', NEW.stage = 'search' AND NEW.retry_of IS NOT NULL)
        ON CONFLICT (study_id, state) DO UPDATE SET n = n + 1, aside = aside + excluded.aside,
        again = again + excluded.again; END
    """,
    """
    CREATE TRIGGER trials_counted_out AFTER DELETE ON trials BEGIN UPDATE study_counts SET n = n - 1, aside = aside -
            (OLD.stage <> 'search'),
        again = again - (OLD.stage = 'search' AND OLD.retry_of IS NOT NULL)
        WHERE study_id = OLD.study_id AND state = OLD.state; END
    """,
    """
    CREATE TRIGGER trials_counted_on AFTER UPDATE OF state, study_id ON trials BEGIN UPDATE study_counts SET n =
            n - 1, aside = aside - (OLD.stage <> 'search'),
        again = again - (OLD.stage = 'search' AND OLD.retry_of IS NOT NULL)
        WHERE study_id = OLD.study_id AND state = OLD.state; INSERT INTO study_counts (study_id,
            state, n, aside, again)
        VALUES (NEW.study_id, NEW.state, 1, NEW.stage <> 'search', NEW.stage = 'search' AND NEW.retry_of IS NOT NULL)
        ON CONFLICT (study_id, state) DO UPDATE SET n = n + 1, aside = aside + excluded.aside,
        again = again + excluded.again; END
    """,
    """
    CREATE TRIGGER trials_listed AFTER INSERT ON trials BEGIN INSERT INTO trial_params (study_id, name, num, txt,
        number)
        SELECT NEW.study_id, key, CASE type WHEN 'text' THEN 9e999 WHEN 'array' THEN 9e999 ELSE value + 0.0 END,
        CASE type WHEN 'text' THEN value WHEN 'array' THEN value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
        ELSE '' END, NEW.number FROM json_each(NEW.params) WHERE type != 'null'; END
    """,
    """
    CREATE TRIGGER trials_relisted AFTER UPDATE OF params ON trials BEGIN DELETE FROM trial_params WHERE
        (study_id, name, num, txt, number) IN
        (SELECT OLD.study_id, key, CASE type WHEN 'text' THEN 9e999 WHEN 'array' THEN 9e999 ELSE value + 0.0 END,
        CASE type WHEN 'text' THEN value WHEN 'array' THEN value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
        ELSE '' END, OLD.number FROM json_each(OLD.params)); INSERT INTO trial_params (study_id, name, num, txt, number)
        SELECT NEW.study_id, key, CASE type WHEN 'text' THEN 9e999 WHEN 'array' THEN 9e999 ELSE value + 0.0 END,
        CASE type WHEN 'text' THEN value WHEN 'array' THEN value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
        ELSE '' END, NEW.number FROM json_each(NEW.params) WHERE type != 'null'; END
    """,
    """
    CREATE TRIGGER trials_ended BEFORE UPDATE ON trials WHEN OLD.state IN ('cancelled', 'completed', 'failed',
            'lost', 'pruned') BEGIN SELECT RAISE(ABORT, 'an ended trial never changes'); END
    """,
)


def upgrade() -> None:
    """Make the tables in an empty file."""
    for statement in STATEMENTS:
        op.execute(statement)
