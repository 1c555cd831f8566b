"""The tables, their constraints, indexes and triggers.

Owns the schema as it is now; how an older file gets there is `storage.migrations`' work. No statements, no logic.
A column that a migration adds stands behind those that were there before: `ADD COLUMN` puts it there, and a migrated
file has the same text as a new one. The tables are SQLAlchemy Core: rows leave this package as core dataclasses, so
mapped classes would be built for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    DDL,
    REAL,
    CheckConstraint,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from tuned.core.search.rungs import Ruling
from tuned.core.states import (
    LIVE,
    STUDY_ENDED,
    TERMINAL,
    Failure,
    PausedBy,
    StoppedBy,
    StopReason,
    StudyState,
    TrialState,
)

SCHEMA_VERSION = 2
"""Number of the newest migration; `PRAGMA user_version` of a file that this code writes."""

REVISION = "0002"
"""The same as Alembic names it."""

metadata = MetaData()


def one_of(column: str, values: Iterable[StrEnum]) -> str:
    """The condition that a column has one of these values."""
    return f"{column} IN ({', '.join(repr(str(value)) for value in sorted(values))})"


IS_LIVE = one_of("state", LIVE)
IS_QUEUED = "state = 'queued'"
IS_CALLED = "caller <> ''"
IS_ACTIVE_STUDY = one_of("state", frozenset(StudyState) - STUDY_ENDED)
IS_COUNTED = "counted = 1"
IS_WAITING = "verdict = 'paused'"
"""Conditions of the partial indexes: SQLite uses one only for a query that spells the same condition, no parameters."""


PAUSED_BY = f"paused_by = '' OR {one_of('paused_by', PausedBy)}"
STOPPED_BY = f"stopped_by = '' OR {one_of('stopped_by', StoppedBy)}"
TIER = """CASE WHEN value IS NULL OR abs(value) >= 9e999 THEN 2 WHEN state = 'completed' AND stopped_by = '' THEN 0
    WHEN state = 'pruned' AND stopped_by = 'patience' THEN 0 WHEN state IN ('completed', 'pruned') THEN 1 ELSE 2 END"""
"""`tuned.core.ranking.Tier` of a row, whose `value` is NULL where stage or constraints keep it out of the ranking."""


def _zero(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _empty(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _flag(name: str) -> list[Column[int] | CheckConstraint]:
    return [_zero(name), CheckConstraint(f"{name} IN (0, 1)")]


def _added_flag(name: str) -> Column[int]:
    """A flag that a migration has added: `ADD COLUMN` can only give the column itself a constraint."""
    return Column(name, Integer, CheckConstraint(f"{name} IN (0, 1)"), nullable=False, server_default=text("0"))


meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""Facts about the file itself: `open` is there while a process has it open for writing."""

studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, CheckConstraint(one_of("state", StudyState)), nullable=False),
    _empty("reason"),
    _empty("note"),
    _empty("phase"),
    _zero("priority"),
    Column("created_at", REAL, nullable=False),
    Column("ended_at", REAL),
    Column("running_s", REAL, nullable=False, server_default=text("0")),
    Column("running_since", REAL),
    Column("next_number", Integer, nullable=False, server_default=text("1")),
    _zero("other_code"),
    Column("best_trial_id", Integer),
    _zero("test_looks"),
    _empty("caller"),
    Column("paused_by", Text, CheckConstraint(PAUSED_BY), nullable=False, server_default=text("''")),
    Index("studies_active", "state", sqlite_where=text(IS_ACTIVE_STUDY)),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)
"""The changing part of a study. Narrow, because it is written with every trial. `other_code` counts the trials whose
`code` is set, `test_looks` the analyses that have measured on the test set; `caller` is who submitted it.
`paused_by` says who has paused it, while it is."""

study_specs = Table(
    "study_specs",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("spec", Text, nullable=False),
    Column("submitted", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("space", Integer, nullable=False, server_default=text("1")),
    sqlite_strict=True,
)
"""The fixed part of a submission, as JSON, with the space as it is now, which is version `space`; `submitted` is the
same as it was submitted last, whatever has been changed since. The environment is read for a launch only."""

space_versions = Table(
    "space_versions",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("space", Text, nullable=False),
    Column("origin", Text, nullable=False),
    _empty("why"),
    Column("changes", Text, nullable=False, server_default=text("'[]'")),
    Column("at", REAL, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""Every space that a study has had. `origin`: `submit`, `user`, or `phase N` for a refinement before that phase."""

study_counts = Table(
    "study_counts",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("state", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    _zero("aside"),
    _zero("again"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""Number of trials by state, kept by the triggers below: no statement can change a trial and forget the count.
`aside` of them are of another stage than the search, `again` of the search but a repetition of another's point."""

pipelines = Table(
    "pipelines",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("steps", Text, nullable=False),
    sqlite_strict=True,
)
"""The steps of a study's playbook and how far they have come, as JSON; no row where there is none."""

trials = Table(
    "trials",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, CheckConstraint("number > 0"), nullable=False),
    Column("state", Text, CheckConstraint(one_of("state", TrialState)), nullable=False),
    Column("params", Text, nullable=False),
    Column("point_key", Text, nullable=False),
    Column("values_json", Text, nullable=False, server_default=text("'{}'")),
    Column("value", REAL),
    _zero("priority"),
    Column("rank", Integer, nullable=False, server_default=text("1")),
    Column("origin", Text, nullable=False),
    _empty("why"),
    _zero("attempt"),
    Column("stop_reason", Text),
    Column("stop_at", REAL),
    Column("failure", Text, CheckConstraint(f"failure IS NULL OR {one_of('failure', Failure)}")),
    _empty("reason"),
    _empty("device"),
    Column("seed", Integer, nullable=False),
    Column("stage", Text, nullable=False, server_default=text("'search'")),
    Column("last_step", REAL),
    _empty("code"),
    Column("space", Integer, nullable=False, server_default=text("1")),
    *_flag("frozen"),
    Column("retry_of", Integer),
    Column("retries_used", Text, nullable=False, server_default=text("'{}'")),
    Column("created_at", REAL, nullable=False),
    Column("started_at", REAL),
    Column("ended_at", REAL),
    _zero("moved_seq"),
    _empty("frozen_by"),
    _added_flag("requeue"),
    Column("stopped_by", Text, CheckConstraint(STOPPED_BY), nullable=False, server_default=text("''")),
    Column("tier", Integer, Computed(TIER, persisted=False)),
    _empty("caller"),
    Column("still_s", REAL, nullable=False, server_default=text("0")),
    Column("still_since", REAL),
    UniqueConstraint("study_id", "number"),
    CheckConstraint(f"stop_reason IS NULL OR ({one_of('stop_reason', StopReason)} AND {IS_LIVE})"),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)
"""One row a trial. `value` is the first objective's summary, NULL when it is NaN or there is none; `moved_seq` the
sequence number of its last move's event; `code` the hash of its code where that is not what was submitted; `rank` 0
for a user's own point, 1 for a suggested one; `space` the version of the space it was made in; `frozen` says that
its processes are to stand still, `frozen_by` by which level (`freeze`, `cuda`); `still_since` since when they do,
or it waits after a run; `still_s` for how many seconds it did before, since that run began; `requeue` that a trial
which is being paused is queued as soon as its process has ended, and a frozen one goes on without a person;
`stopped_by` names the rule or the person behind its end; `tier` is its place in the ranking, computed; `caller` is
whose caps it counts for."""

Index(
    "trials_queue",
    trials.c.study_id,
    trials.c.priority.desc(),
    trials.c.rank,
    trials.c.number,
    sqlite_where=text(IS_QUEUED),
)
Index("trials_caller", trials.c.caller, sqlite_where=text(IS_CALLED))
Index("trials_live", trials.c.state, sqlite_where=text(IS_LIVE))
Index("trials_moved", trials.c.study_id, trials.c.moved_seq)
Index("trials_state", trials.c.study_id, trials.c.state, trials.c.number)
Index("trials_point", trials.c.study_id, trials.c.point_key)
Index("trials_value", trials.c.study_id, trials.c.tier, trials.c.value, trials.c.number)

trial_params = Table(
    "trial_params",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("num", REAL, primary_key=True),
    Column("txt", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""Trials by their parameters' values, in the order of `tuned.core.trials.filter.param_key`: words are at infinity, so
that they come behind all numbers. Kept by the triggers below; it goes with its study."""

attempts = Table(
    "attempts",
    metadata,
    Column("trial_id", Integer, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("attempt_id", Text, nullable=False, unique=True),
    Column("run_dir", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("claimed_at", REAL, nullable=False),
    Column("started_at", REAL),
    Column("ended_at", REAL),
    Column("supervisor_pid", Integer),
    Column("supervisor_start", Integer),
    Column("mode", Text),
    Column("start", Text),
    Column("exit", Text),
    _empty("ended_by"),
    Column("failure", Text),
    _empty("reason"),
    _empty("traceback"),
    _zero("ingest_offset"),
    _zero("bad_lines"),
    *_flag("sdk"),
    *_flag("stop_seen"),
    *_flag("resumable"),
    *_flag("shared"),
    Column("still_s", REAL, nullable=False, server_default=text("0")),
    sqlite_strict=True,
)
"""One row a process of a trial. `start` and `exit` are its records as JSON, `ended_by` the event that ended it;
`shared` says that another trial held a part of its card meanwhile, `still_s` for how many seconds it stood still, once
it has ended."""

observations = Table(
    "observations",
    metadata,
    Column("trial_id", Integer, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("step", REAL, primary_key=True),
    Column("value", REAL),
    Column("time", REAL),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""Clustered by its key: a curve is one range. A NULL value is NaN, which SQLite cannot hold; infinities it can."""

bad_lines = Table(
    "bad_lines",
    metadata,
    Column("trial_id", Integer, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("offset", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""The first lines of an attempt's metrics file that could not be read."""

rungs = Table(
    "rungs",
    metadata,
    Column("trial_id", Integer, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("rung", Integer, primary_key=True),
    Column("study_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("step", REAL, nullable=False),
    Column("value", REAL),
    Column("score", REAL, nullable=False),
    *_flag("counted"),
    Column("peers", Integer, nullable=False),
    Column("passing", Integer, nullable=False),
    Column("cutoff", REAL),
    Column("verdict", Text, CheckConstraint(one_of("verdict", Ruling)), nullable=False),
    Column("at", REAL, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""One row for each decision of early stopping: what was compared with whom, and the verdict. A NULL value is NaN;
`counted` says whether it is one of the peers of those who come later."""

Index(
    "rungs_ranked",
    rungs.c.study_id,
    rungs.c.rung,
    rungs.c.score,
    rungs.c.number,
    sqlite_where=text(IS_COUNTED),
)
Index("rungs_waiting", rungs.c.study_id, sqlite_where=text(IS_WAITING))
Index("rungs_rescued", rungs.c.study_id, sqlite_where=text("verdict = 'rescued'"))

rung_marks = Table(
    "rung_marks",
    metadata,
    Column("study_id", Integer, ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("rung", Integer, primary_key=True),
    Column("peers", Integer, nullable=False),
    Column("cut_score", REAL),
    Column("cut_number", Integer),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
"""How many count at a rung, and the last of them that passes: kept up, so that a verdict sorts nothing."""

streaks = Table(
    "streaks",
    metadata,
    Column("trial_id", Integer, ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("best", REAL, nullable=False),
    Column("best_step", REAL, nullable=False),
    sqlite_strict=True,
)
"""For patience: a trial's best score and the step it was reported at."""

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", REAL, nullable=False),
    Column("type", Text, nullable=False),
    Column("study", Text, nullable=False),
    Column("number", Integer),
    Column("data", Text, nullable=False),
    _empty("caller"),
    Index("events_study", "study"),
    sqlite_autoincrement=True,
    sqlite_strict=True,
)
"""Events. The study is named, not referenced: events of a deleted study stay. `caller` is who asked for it; empty: a
person, or the daemon by itself."""

card_uses = Table(
    "card_uses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card", Text, nullable=False),
    Column("at", REAL, nullable=False),
    Column("used", Text, nullable=False),
    sqlite_strict=True,
)
"""Why a card (its UUID) stands idle from a moment on, while no trial is on it."""

_ADD = """INSERT INTO study_counts (study_id, state, n, aside, again)
    VALUES (NEW.study_id, NEW.state, 1, NEW.stage <> 'search', NEW.stage = 'search' AND NEW.retry_of IS NOT NULL)
    ON CONFLICT (study_id, state) DO UPDATE SET n = n + 1, aside = aside + excluded.aside,
    again = again + excluded.again;"""
_TAKE = """UPDATE study_counts SET n = n - 1, aside = aside - (OLD.stage <> 'search'),
    again = again - (OLD.stage = 'search' AND OLD.retry_of IS NOT NULL)
    WHERE study_id = OLD.study_id AND state = OLD.state;"""

_NUM = "CASE type WHEN 'text' THEN 9e999 WHEN 'array' THEN 9e999 ELSE value + 0.0 END"
_TXT = """CASE type WHEN 'text' THEN value WHEN 'array' THEN value WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
    ELSE '' END"""
_LIST = f"""INSERT INTO trial_params (study_id, name, num, txt, number)
    SELECT NEW.study_id, key, {_NUM}, {_TXT}, NEW.number FROM json_each(NEW.params) WHERE type != 'null';"""
_UNLIST = f"""DELETE FROM trial_params WHERE (study_id, name, num, txt, number) IN
    (SELECT OLD.study_id, key, {_NUM}, {_TXT}, OLD.number FROM json_each(OLD.params));"""

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'an ended trial never changes'); END"

TRIGGERS = (
    f"CREATE TRIGGER trials_counted_in AFTER INSERT ON trials BEGIN {_ADD} END",
    f"CREATE TRIGGER trials_counted_out AFTER DELETE ON trials BEGIN {_TAKE} END",
    f"CREATE TRIGGER trials_counted_on AFTER UPDATE OF state, study_id ON trials BEGIN {_TAKE} {_ADD} END",
    f"CREATE TRIGGER trials_listed AFTER INSERT ON trials BEGIN {_LIST} END",
    f"CREATE TRIGGER trials_relisted AFTER UPDATE OF params ON trials BEGIN {_UNLIST} {_LIST} END",
    f"CREATE TRIGGER trials_ended BEFORE UPDATE ON trials WHEN OLD.{one_of('state', TERMINAL)} {_REFUSE}",
)
for _trigger in TRIGGERS:
    event.listen(metadata, "after_create", DDL(_trigger))  # type: ignore[no-untyped-call]
