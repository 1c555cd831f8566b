"""Reads for those who choose the next points: what changed, what was tried. Owns no change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, func, literal_column, select

from storage import rows
from storage.models import attempts, observations, studies, trials
from tuned.core.errors import NotFound
from tuned.core.search.model_share import FALLBACK, MODELLED, ModelShare
from tuned.core.states import TERMINAL, TrialState
from tuned.core.trials.trial import Trial

_t = trials.c
_CHANGED = (
    rows.select_trials(_t.moved_seq)
    .where(_t.study_id == bindparam("study_id"), _t.moved_seq > bindparam("seq"))
    .order_by(_t.moved_seq)
    .limit(bindparam("most"))
)
_KNOWN = select(_t.point_key).where(
    _t.study_id == bindparam("study_id"), _t.point_key.in_(bindparam("keys", expanding=True))
)
_GPU_PEAK = (
    select(observations.c.trial_id, func.max(observations.c.value))
    .where(observations.c.trial_id.in_(bindparam("ids", expanding=True)), observations.c.name == "gpu/memory_bytes")
    .group_by(observations.c.trial_id)
)
_RAM_PEAK = (
    select(attempts.c.trial_id, 1024 * func.max(func.json_extract(attempts.c.exit, "$.max_rss_kb")))
    .where(attempts.c.trial_id.in_(bindparam("ids", expanding=True)))
    .group_by(attempts.c.trial_id)
)
_NEXT_NUMBER = select(studies.c.next_number).where(studies.c.id == bindparam("study_id"))
_ANY_VALUES = (
    select(_t.id).where(_t.study_id == bindparam("study_id"), _t.values_json != "{}").order_by(_t.number).limit(1)
)
_ORIGINS = (
    select(_t.origin, func.count())
    .where(_t.study_id == bindparam("study_id"), _t.origin.in_([*MODELLED, FALLBACK]))
    .group_by(_t.origin)
)
_LAST_FALLBACK = (
    select(_t.why)
    .where(_t.study_id == bindparam("study_id"), _t.origin == FALLBACK)
    .order_by(_t.number.desc())
    .limit(1)
)
_LAST_ENDED = (
    rows.select_trials()
    .where(
        _t.study_id == bindparam("wanted"),
        _t.state.in_([literal_column(f"'{state}'") for state in sorted(TERMINAL - {TrialState.CANCELLED})]),
    )
    .order_by(_t.moved_seq.desc())
    .limit(bindparam("most"))
)


def changed_since(conn: Connection, study_id: int, seq: int, limit: int) -> list[tuple[int, Trial]]:
    """The study's trials that were queued or moved after an event, with the sequence number of their latest move.

    By that number, so that the last one is where to go on.
    """
    found = conn.execute(_CHANGED, {"study_id": study_id, "seq": seq, "most": limit})
    return [(row[rows.WIDTH], rows.to_trial(row)) for row in found]


def peak_memory(conn: Connection, trial_ids: Sequence[int], gpu: bool) -> dict[int, float]:
    """Trial id -> most bytes it was seen to hold: of the GPU (its samples), or of its processes (their largest)."""
    found: dict[int, float] = {}
    for trial_id, size in conn.execute(_GPU_PEAK if gpu else _RAM_PEAK, {"ids": list(trial_ids)}):
        if size:
            found[trial_id] = float(size)
    return found


def known_keys(conn: Connection, study_id: int, keys: Iterable[str]) -> set[str]:
    """Those of the points (`tuned.core.space.canonical_key`) that the study has a trial for."""
    wanted = list(keys)
    return set(conn.execute(_KNOWN, {"study_id": study_id, "keys": wanted}).scalars()) if wanted else set()


def next_number(conn: Connection, study_id: int) -> int:
    """The number that the study's next trial gets.

    Raises:
        NotFound: The study has been deleted.
    """
    found = conn.execute(_NEXT_NUMBER, {"study_id": study_id}).scalar()
    if found is None:
        raise NotFound("there is no such study", where=str(study_id))
    return int(found)


def any_values(conn: Connection, study_id: int) -> bool:
    """Whether any trial of the study has reported an objective."""
    return conn.execute(_ANY_VALUES, {"study_id": study_id}).first() is not None


def model_share(conn: Connection, study_id: int) -> ModelShare:
    """How many points of the study its model chose, and how many a design made in the model's place."""
    found = {origin: int(n) for origin, n in conn.execute(_ORIGINS, {"study_id": study_id})}
    fallbacks = found.pop(FALLBACK, 0)
    why = conn.execute(_LAST_FALLBACK, {"study_id": study_id}).scalar() if fallbacks else ""
    return ModelShare(sum(found.values()), fallbacks, why or "")


def last_ended(conn: Connection, study_id: int, limit: int) -> list[Trial]:
    """The trials that ended last, newest first; cancelled ones left out."""
    return [rows.to_trial(row) for row in conn.execute(_LAST_ENDED, {"wanted": study_id, "most": limit})]
