"""`summary`: what happened since a client last looked.

Owns how the last look is remembered and what of the history is told. Trials and events are read from where they are
kept: its cost is what happened since, not all that ever did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage import queries
from storage.facts import fact, keep_fact
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.events import STUDY_CHANGED, STUDY_DELETED, STUDY_SUBMITTED, Event
from tuned.core.state_words import told
from tuned.core.states import LIVE, WASTED, StudyState, TrialState, number_in
from tuned.core.study import Study
from tuned.core.trials.causes import by_cause, kind
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.http.context import Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.rows import live_trials, study_row
from tuned.daemon.search.freshness import SETTLED
from tuned.protocol import encode_number
from tuned.wire import StudyRow, StudySummary, Summary, SummaryRequest

router = make_router("steering")

SHOWN_TRIALS = 8
SHOWN_CAUSES = 5
REASON_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Changed:
    """A study in which something happened.

    Attributes:
        ended, events: The trials that ended and the events since the last look.
        before: Its best value at that moment; None without one.
        results: The results that its best was chosen from.
    """

    study: Study
    ended: list[queries.EndedTrial]
    events: list[Event]
    before: float | None
    results: queries.RankedResults


@dataclass(frozen=True, slots=True)
class Changes:
    """The state and history, read at one moment.

    Attributes:
        since: Unix seconds of the last look; None when there was none.
        seq: The last event that was looked at.
        studies: Those in which something happened, with what happened.
        quiet: How many there are besides.
        all: All of them.
        live: The live trials.
    """

    since: float | None
    seq: int
    studies: list[Changed]
    deleted: list[str]
    quiet: int
    all: list[Study]
    live: list[Trial]


@router.post("/summary")
async def summary(request: SummaryRequest, given: Given) -> Summary:
    """The changes since this client's last summary; the next one begins now, unless `keep` is set."""
    now = clock.now()
    seen = await given.database.ask(lambda conn: _read(conn, request))
    ends = given.foreseeing.ends(seen.all, seen.live)
    studies = [_study_summary(study_row(c.study, ends.get(c.study.id), results=c.results), c) for c in seen.studies]
    if not request.keep:
        await given.commit(lambda conn: _remember(conn, request.client, seen.seq, now))
    notes = given.status(0, 0, 0).notes
    return Summary(request.client, seen.since, now, studies, seen.deleted, seen.quiet, notes)


def _key(client: str) -> str:
    if not client or len(client) > 100 or not client.isprintable():
        raise InvalidInput("cannot name a client", where="client", hint="use a short word")
    return f"look/{client}"


def _read(conn: Connection, request: SummaryRequest) -> Changes:
    """The changes after the client's last summary, or after `request.since`."""
    known = fact(conn, _key(request.client))
    since: float | None
    if request.since is not None:
        since, seq = request.since, queries.seq_before(conn, request.since)
    else:
        since, seq = (None, 0) if known is None else (known["at"], known["seq"])
    # Read before the trials: what happens meanwhile is told again next time rather than never.
    last = queries.last_event_seq(conn)
    of_study: dict[str, list[Event]] = {}
    for event in queries.study_events(conn, seq):
        of_study.setdefault(event.study, []).append(event)
    found, quiet = [], 0
    studies, live = queries.studies(conn), live_trials(conn)
    for study in studies:
        ended, events = queries.ended_after(conn, study.id, seq), of_study.get(study.name, [])
        if ended or events or number_in(LIVE, study.counts):
            before, results = queries.best_value_before(conn, study, seq), queries.ranked_results(conn, study)
            found.append(Changed(study, ended, events, before, results))
        else:
            quiet += 1
    names = {study.name for study in studies}
    deleted = sorted(name for name, events in of_study.items() if name not in names and gone(events))
    return Changes(since, last, found, deleted, quiet, studies, live)


def gone(events: Sequence[Event]) -> bool:
    """Whether a study that was there before these events was deleted; not one that came and went."""
    return events[0].type != STUDY_SUBMITTED and any(event.type == STUDY_DELETED for event in events)


def _remember(conn: Connection, client: str, seq: int, now: float) -> None:
    """The client has looked; two looks at once leave the later one."""
    known = fact(conn, _key(client))
    if known is None or known["seq"] <= seq:
        keep_fact(conn, _key(client), {"seq": seq, "at": now})


def _study_summary(row: StudyRow, changed: Changed) -> StudySummary:
    """The changes of one study, for people."""
    study, ended, events, before = changed.study, changed.ended, changed.events, changed.before
    objective, best = study.spec.objective, study.best
    value = None if best is None or objective is None else best.values.get(objective.metric)
    return StudySummary(
        name=study.name,
        state=row.state,
        reason=row.reason,
        submitted=any(event.type == STUDY_SUBMITTED for event in events),
        ended=dict(Counter(trial.state.value for trial in ended)),
        running=number_in(LIVE, study.counts),
        queued=study.counts.get(TrialState.QUEUED, 0),
        trials=row.trials,
        started=row.started,
        eta_s=row.eta_s,
        metric=objective.metric if objective else "",
        best=row.best,
        best_before=None if before is None else encode_number(before),
        best_is_new=best is not None and any(trial.number == best.number for trial in ended) and value != before,
        failures=failures(ended),
        notes=_notes(row, study, events),
    )


def failures(ended: Sequence[queries.EndedTrial]) -> list[str]:
    """The failures among trials that ended, a line for each cause, in the words of its newest one."""
    causes = by_cause(trial for trial in ended if trial.state in WASTED)
    lines = [_cause(trials) for trials in causes[:SHOWN_CAUSES]]
    if len(causes) > SHOWN_CAUSES:
        lines.append(f"and {words.count(len(causes) - SHOWN_CAUSES, 'other cause')}")
    return lines


def _cause(trials: Sequence[queries.EndedTrial]) -> str:
    why = trials[0].reason or kind(trials[0])
    return f"{why[:REASON_LENGTH]} ({_trials(sorted(trial.number for trial in trials))})"


def _trials(numbers: list[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:SHOWN_TRIALS])
    more = f" and {len(numbers) - SHOWN_TRIALS} more" if len(numbers) > SHOWN_TRIALS else ""
    return f"trial{'s' if len(numbers) > 1 else ''} {shown}{more}"


def _notes(row: StudyRow, study: Study, events: list[Event]) -> list[str]:
    notes = []
    if study.state is StudyState.PAUSED and study.reason:
        notes.append(told("paused", study.reason))
    if row.note:
        notes.append(row.note)
    return notes + changes(events)


def changes(events: Sequence[Event]) -> list[str]:
    """The changes that people made to a study, a line each time."""
    changed = [event.data.get("changes", []) for event in events if event.type == STUDY_CHANGED]
    by_hand = [[change for change in lines if not change.startswith(SETTLED)] for lines in changed]
    return ["changed: " + "; ".join(lines) for lines in by_hand if lines]
