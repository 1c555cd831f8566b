"""Writes of early stopping: the verdicts on a trial, in the transaction that stores what it reported.

Owns the rungs' rows and marks. The rules are `tuned.core.search.rungs`'; here each costs a few index look-ups,
however many trials there are: a rung's mark holds the last entry that passes, and an insertion moves it by one entry
at most.
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection

from storage.driver import driver_of
from storage.repository import moves
from storage.repository.events import add_event
from storage.repository.moves import MovingTrial
from storage.repository.new_reports import Reports
from tuned.core import events, ranking
from tuned.core.search import rungs
from tuned.core.search.rescue import drawn_for_rescue
from tuned.core.search.rungs import RUNS_FREE, Decision, Entry, Ruling, Standing
from tuned.core.state_words import PAUSED_BY_USER
from tuned.core.states import STUDY_OPEN, Actor, StoppedBy, StopReason, TrialState
from tuned.core.study import EarlyStopping, Objective
from tuned.protocol import encode_numbers

_LAST = "SELECT rung, verdict FROM rungs WHERE trial_id = ? ORDER BY rung DESC LIMIT 1"
_MARK = "SELECT peers, cut_score, cut_number FROM rung_marks WHERE study_id = ? AND rung = ?"
_SET_MARK = """INSERT INTO rung_marks (study_id, rung, peers, cut_score, cut_number) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE
    SET peers = excluded.peers, cut_score = excluded.cut_score, cut_number = excluded.cut_number"""
_BEFORE = """SELECT score, number, trial_id FROM rungs WHERE study_id = ? AND rung = ? AND counted = 1
    AND (score, number) < (?, ?) ORDER BY score DESC, number DESC LIMIT 1"""
_BEHIND = """SELECT score, number, trial_id FROM rungs WHERE study_id = ? AND rung = ? AND counted = 1
    AND (score, number) > (?, ?) ORDER BY score, number LIMIT 1"""
_FIRST = """SELECT score, number, trial_id FROM rungs WHERE study_id = ? AND rung = ? AND counted = 1
    ORDER BY score, number LIMIT 1"""
_ADD = """INSERT INTO rungs (trial_id, rung, study_id, number, step, value, score, counted, peers, passing, cutoff,
    verdict, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SET_VERDICT = "UPDATE rungs SET verdict = ? WHERE trial_id = ? AND verdict = 'paused'"
_WAITS_AT = "SELECT rung, score, number FROM rungs WHERE trial_id = ? AND verdict = 'paused'"
_UNCOUNTED = "SELECT rung, score, number FROM rungs WHERE trial_id = ? AND counted = 0"
_COUNT = "UPDATE rungs SET counted = 1 WHERE trial_id = ? AND rung = ?"
_SET_STREAK = """INSERT INTO streaks (trial_id, best, best_step) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET best = excluded.best, best_step = excluded.best_step"""
_RESUMABLE = "SELECT resumable FROM attempts WHERE trial_id = ? AND attempt = ?"
_STUDY_STATE = "SELECT state FROM studies WHERE id = ?"

_STOPS = {Ruling.PAUSED: StopReason.PAUSE, Ruling.PRUNED: StopReason.PRUNE}


def consider(
    conn: Connection, trial: MovingTrial, new: Reports, now: float
) -> tuple[StopReason, StoppedBy, str] | None:
    """Judge a live trial by its new reports; nothing, once it is to end.

    Args:
        conn: The write connection; the reports are stored already.
        trial: As it stands.
        new: The reports.
        now: Unix seconds.

    Returns:
        The intent for the trial, the rule behind it, and why in one line; None when it goes on.
    """
    rule, objective = trial.spec.early_stopping, trial.spec.objective
    if rule is None or objective is None or trial.stop_reason is not None or not new.points:
        return None
    driver = driver_of(conn)
    last, verdict = driver.execute(_LAST, (trial.id,)).fetchone() or (-1, None)
    free = verdict in RUNS_FREE
    before = streak = new.streak(conn, trial, rule, objective) if rule.patience is not None else None
    asked: tuple[StopReason, StoppedBy, str] | None = None
    following = None if free else rungs.rung_step(rule, last + 1)
    for place, (step, value) in enumerate(new.points):
        if following is not None and step >= following:
            last, _ = rungs.next_crossing(rule, last, [step]) or (last, step)
            worth = new.value(conn, trial, objective, place)
            decision = _decide(conn, trial, rule, objective, last, step, worth, now)
            following = None if decision.verdict in RUNS_FREE else rungs.rung_step(rule, last + 1)
            if decision.verdict in _STOPS:
                asked = _STOPS[decision.verdict], StoppedBy.RUNG, rungs.explain(decision, objective.metric)
                break
        if rule.patience is not None:
            if streak is not None and step == streak.best_step and new.before is not None:
                # Its best has been replaced: the last line of a step wins.
                streak, out = rungs.streak_of(rule, objective, new.known(trial, place).items(), step)
            else:
                streak, out = rungs.follow_streak(rule, streak, rungs.score_of(objective, value), step)
            if out and streak is not None:
                asked = StopReason.PRUNE, StoppedBy.PATIENCE, rungs.explain_patience(rule, streak, objective)
                break
    if streak is not None and (new.anew or streak != before):
        driver.execute(_SET_STREAK, (trial.id, streak.best, streak.best_step))
    return asked


def _decide(
    conn: Connection,
    trial: MovingTrial,
    rule: EarlyStopping,
    objective: Objective,
    rung: int,
    step: float,
    value: float,
    now: float,
) -> Decision:
    driver = driver_of(conn)
    mine = (rungs.score_of(objective, value), trial.number)
    counts = rungs.counts_at_once(rule)
    entered = None
    if counts:
        standing, entered = _count(driver, rule, trial.study_id, rung, mine)
    else:
        standing = _standing(driver, trial.study_id, rung)
    asked = driver.execute(_RESUMABLE, (trial.id, trial.attempt)).fetchone()[0]
    resumable = bool(asked) or trial.spec.run.resume is not None
    rescue = drawn_for_rescue(rule, trial.spec.search.seed, trial.number)
    cut = standing.cutoff
    decision = Decision(
        rung=rung,
        step=step,
        value=value,
        peers=standing.peers,
        passing=rungs.passing(rule, standing.peers),
        cutoff=None if cut is None else objective.sign * cut[0],
        verdict=rungs.judge(rule, mine, standing, resumable, rescue, rungs.gathers(rule, trial.spec.search)),
        at=now,
    )
    driver.execute(
        _ADD,
        (
            *(trial.id, rung, trial.study_id, trial.number, step, value, mine[0], int(counts)),
            *(decision.peers, decision.passing, decision.cutoff, decision.verdict.value, now),
        ),
    )
    data = {
        "rung": rung,
        "step": step,
        "peers": decision.peers,
        "passing": decision.passing,
        "verdict": decision.verdict.value,
        **encode_numbers({"value": value}),
        **({} if decision.cutoff is None else encode_numbers({"cutoff": decision.cutoff})),
    }
    add_event(conn, events.TRIAL_RUNG, trial.study, trial.number, data, now)
    if entered is not None and _waits_at(driver, entered) == rung:
        resume(conn, entered, Ruling.PROMOTED, now)
    return decision


def _waits_at(driver: sqlite3.Connection, trial_id: int) -> int | None:
    """The rung that a trial waits at; one that passes a lower one anew waits on."""
    (rung, *_) = driver.execute(_WAITS_AT, (trial_id,)).fetchone() or (None,)
    return rung


def _standing(driver: sqlite3.Connection, study_id: int, rung: int) -> Standing:
    row = driver.execute(_MARK, (study_id, rung)).fetchone()
    if row is None:
        return Standing()
    peers, score, number = row
    return Standing(peers, None if number is None else (score, number))


def _count(
    driver: sqlite3.Connection, rule: EarlyStopping, study_id: int, rung: int, new: Entry
) -> tuple[Standing, int | None]:
    """Add an entry to a rung's mark.

    Returns:
        The standing with it, and the id of the other trial that passes by this.
    """
    standing = _standing(driver, study_id, rung)
    cut, entered = standing.cutoff, None
    match rungs.shift(rule, standing, new):
        case "back":
            assert cut is not None
            row = driver.execute(_BEFORE, (study_id, rung, *cut)).fetchone()
            cut = new if row is None else max(new, (row[0], row[1]))
        case "forward":
            of = (study_id, rung)
            row = (
                driver.execute(_FIRST, of).fetchone()
                if cut is None
                else driver.execute(_BEHIND, (*of, *cut)).fetchone()
            )
            cut = new if row is None else min(new, (row[0], row[1]))
            entered = None if row is None or cut == new else row[2]
    standing = Standing(standing.peers + 1, cut)
    driver.execute(_SET_MARK, (study_id, rung, standing.peers, *(cut or (None, None))))
    return standing, entered


def ended(conn: Connection, trial: MovingTrial, now: float) -> None:
    """An attempt's end is stored: a whole trial becomes a peer, a paused one may have been promoted meanwhile."""
    rule = trial.spec.early_stopping
    if rule is None:
        return
    driver = driver_of(conn)
    if ranking.whole(trial):
        for rung, score, number in driver.execute(_UNCOUNTED, (trial.id,)).fetchall():
            _count(driver, rule, trial.study_id, rung, (score, number))
            driver.execute(_COUNT, (trial.id, rung))
    elif trial.state is TrialState.PAUSED:
        row = driver.execute(_WAITS_AT, (trial.id,)).fetchone()
        if row is not None:
            rung, score, number = row
            cut = _standing(driver, trial.study_id, rung).cutoff
            if cut is not None and (score, number) <= cut and not rungs.gathers(rule, trial.spec.search):
                resume(conn, trial.id, Ruling.PROMOTED, now)


def resume(conn: Connection, trial_id: int, verdict: Ruling, now: float) -> bool:
    """Let a trial that waits at a rung go on.

    Args:
        conn: The write connection.
        trial_id: The trial.
        verdict: `promoted` (to the next rung), or `finishing` or `rescued` (to its end).
        now: Unix seconds.

    Returns:
        False when it does not wait, or its study starts nothing more.
    """
    driver = driver_of(conn)
    trial = moves.read(conn, trial_id)
    if trial.state is not TrialState.PAUSED or _waits_at(driver, trial_id) is None:
        return False
    (study_state,) = driver.execute(_STUDY_STATE, (trial.study_id,)).fetchone()
    if study_state not in STUDY_OPEN:
        return False
    driver.execute(_SET_VERDICT, (verdict.value, trial_id))
    trial.reason = _RESUMED[verdict]
    moves.move(conn, trial, "resume", Actor.SCHEDULER, now)
    return True


_RESUMED = {
    Ruling.PROMOTED: "promoted: it belongs to the best of its rung",
    Ruling.FINISHING: "resumed to its end: it is one of the best of those that wait",
    Ruling.RESCUED: "resumed to its end, to measure how often stopping is wrong",
}


def hold(conn: Connection, trial_id: int, now: float) -> bool:
    """Have a trial that waits at a rung, or is about to, stay there until a person resumes it.

    Returns:
        Whether that is a change; False for one that waits at no rung, or is being stopped for something else by now.
    """
    driver = driver_of(conn)
    trial = moves.read(conn, trial_id)
    if trial.stop_reason not in (None, StopReason.PAUSE) or _waits_at(driver, trial_id) is None:
        return False
    driver.execute(_SET_VERDICT, (Ruling.CONTINUED.value, trial_id))
    if trial.state is TrialState.PAUSED:
        trial.reason, trial.stopped_by = PAUSED_BY_USER, StoppedBy.USER
        moves.move(conn, trial, "hold", Actor.USER, now)
    return True


def released(conn: Connection, trial_id: int) -> None:
    """A person has resumed a trial: it waits at no rung any more."""
    driver = driver_of(conn)
    driver.execute(_SET_VERDICT, (Ruling.PROMOTED.value, trial_id))
