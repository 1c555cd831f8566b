"""Why a trial or a study is where it is: one answer a question, with evidence and the command that comes next.

Owns these answers. They are made from rows of the daemon alone: no question goes out from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tuned.client.waiting import remedy
from tuned.core import words
from tuned.core.places import place_of
from tuned.core.state_words import paused_by_daemon, told
from tuned.core.states import LIVE, STUDY_ENDED, VALUED, WASTED, StudyState, TrialState
from tuned.wire import DaemonStatus, StudyRow, TrialDetail, TrialRow
from tuned.wire.values import Json

_HELD = "it waits until it is resumed"


@dataclass(frozen=True, slots=True)
class Reason:
    """One answer.

    Attributes:
        about: `point` (why these parameters) or `state` (why it waits, runs, or has ended).
        code: Short and stable, for programs: `waits.slot`, `failed.oom`, `pruned.rung`, `point.model`.
        evidence: Sentences for people, with the figures that decided.
        next: A command that helps; empty where there is nothing to do.
    """

    about: str
    code: str
    evidence: list[str]
    next: str = ""


def trial_reasons(
    detail: TrialDetail, study: StudyRow, queue: Sequence[TrialRow], daemon: DaemonStatus
) -> list[Reason]:
    """Why a trial has its point, and why it waits, runs or has ended.

    Args:
        detail: The trial.
        study: Its study.
        queue: Live and queued trials, in running order.
        daemon: Its status.
    """
    row = detail.trial
    point = Reason("point", f"point.{row.origin}", [row.why or f"its point comes from: {row.origin}"])
    if row.state == TrialState.QUEUED:
        return [point, _waiting(row, study, queue, daemon)]
    if row.state in LIVE:
        return [point, _running(detail)]
    if row.state == TrialState.PAUSED:
        reason = row.reason or _HELD
        return [point, Reason("state", "paused", [reason, *_verdict(detail)], f"tunectl resume {row.name}")]
    return [point, _ended(detail)]


def study_reasons(row: StudyRow, queue: Sequence[TrialRow], daemon: DaemonStatus) -> list[Reason]:
    """Why a study runs, waits, is paused or has ended, and how it chooses its points.

    Args:
        row: The study.
        queue: Live and queued trials, in running order.
        daemon: Its status.
    """
    reasons = [Reason("state", *_of_study(row, queue, daemon))]
    if row.phase:
        reasons.append(Reason("point", f"point.{_first_word(row.phase)}", [row.phase]))
    if row.note:
        reasons.append(Reason("state", "note", [row.note]))
    return reasons


def _of_study(row: StudyRow, queue: Sequence[TrialRow], daemon: DaemonStatus) -> tuple[str, list[str], str]:
    if row.state in STUDY_ENDED:
        next_step = f"tunectl best {row.name}" if row.best else f"tunectl trials {row.name}"
        return row.state, [row.reason or f"its {words.does(row.started, 'trial', 'is', 'are')} done"], next_step
    if row.state == StudyState.PAUSED:
        evidence = [row.reason or _HELD]
        if paused_by_daemon(row):
            evidence.append(remedy(row))
        return "paused", evidence, f"tunectl resume {row.name}"
    mine = [trial for trial in queue if trial.study == row.name]
    live = [trial for trial in mine if trial.state in LIVE]
    if live:
        evidence = [f"trials of it: {len(live)} running, {len(mine) - len(live)} waiting"]
        held_up = list(dict.fromkeys(trial.waits_for for trial in live if trial.waits_for))
        if daemon.alarms and all(trial.state == TrialState.STARTING for trial in live):
            return "waits.daemon", [*(held_up or daemon.alarms), *evidence], "tunectl doctor"
        return "running", [*evidence, *held_up], ""
    waiting = next(iter(mine), None)
    if waiting is not None:
        found = _waiting(waiting, row, queue, daemon)
        return found.code, found.evidence, found.next
    return "waits.point", ["its next point is being chosen", *daemon.alarms], ""


def _waiting(row: TrialRow, study: StudyRow, queue: Sequence[TrialRow], daemon: DaemonStatus) -> Reason:
    if study.state == StudyState.PAUSED:
        why = told("its study is paused", study.reason)
        return Reason("state", "waits.study", [why], f"tunectl resume {study.name}")
    if daemon.alarms:
        return Reason("state", "waits.daemon", list(daemon.alarms), "tunectl doctor")
    if study.place:
        return Reason("state", "waits.place", _in_place(study, daemon), "tunectl doctor")
    blocked = [f"{device.label or device.id}: {device.blocked}" for device in daemon.devices if device.blocked]
    waiting = [trial for trial in queue if trial.state == TrialState.QUEUED]
    evidence = [f"{words.does(daemon.running_here, 'trial', 'runs', 'run')} on {words.count(daemon.slots, 'slot')}"]
    for place, trial in enumerate(waiting, 1):
        if (trial.study, trial.number) == (row.study, row.number):
            evidence.append(f"place {place} of {len(waiting)} in the queue, priority {row.priority + study.priority}")
            # An estimate that is over says nothing: somebody takes longer than trials before did.
            if trial.starts_in_s and not row.waits_for:
                evidence.append(f"it starts in about {words.duration(trial.starts_in_s)}")
    evidence += [*blocked, *([row.waits_for] if row.waits_for else [])]
    if row.reason:
        evidence.append(row.reason)
    if blocked or row.waits_for:
        return Reason("state", "waits.device", evidence, "tunectl gpu")
    return Reason("state", "waits.slot", evidence, f"tunectl next {row.name}")


def _in_place(study: StudyRow, daemon: DaemonStatus) -> list[str]:
    """Why a trial that waits here was not handed to the engine of its place yet."""
    place = next((row for row in daemon.places if row.name == study.place), None)
    if place is None:
        return [f"config.toml has no [place.{study.place}]"]
    taken = f"{place.held} of {words.count(place.slots, 'slot')} of {place.name} are taken"
    jobs = f"{words.does(place.waiting, 'job', 'waits', 'wait')} in its queue, {place.running} run"
    return [*([place.trouble] if place.trouble else []), taken, jobs]


def _running(detail: TrialDetail) -> Reason:
    row = detail.trial
    if row.state == TrialState.STARTING and row.stop_reason is None:
        evidence = [f"attempt {row.attempt} is being started on {row.slot or row.device}"]
        if not detail.waits_for:
            return Reason("state", "starting", evidence)
        if place_of(row.device):
            return Reason("state", "waits.place", [detail.waits_for], f"tunectl logs {row.name}")
        return Reason("state", "waits.daemon", [detail.waits_for, *evidence], "tunectl doctor")
    evidence = [f"attempt {row.attempt} runs on {row.slot or row.device}"]
    if row.last_step is not None:
        evidence.append(f"the furthest step that it has reported is {words.number(row.last_step)}")
    evidence += _attempts(detail.attempts)
    if detail.waits_for:
        return Reason("state", "stopping", [detail.waits_for, *evidence], f"tunectl kill {row.name}")
    if row.frozen:
        return Reason("state", "frozen", ["its processes stand still", *evidence], f"tunectl resume {row.name}")
    return Reason("state", "running", evidence, f"tunectl logs -f {row.name}")


def _ended(detail: TrialDetail) -> Reason:
    row = detail.trial
    by = row.failure or row.stopped_by
    evidence = [row.reason] if row.reason else []
    evidence += [*_verdict(detail), *_attempts(detail.attempts)]
    if row.breaks:
        evidence.append(f"it has no rank: it breaks {', '.join(row.breaks)}")
    if detail.rank is not None:
        evidence.append(f"it ranks {detail.rank} of {detail.ranked}")
    if row.state in WASTED:
        follow = f"tunectl logs {row.name}"
    else:
        follow = f"tunectl show {row.name}" if row.state in VALUED else f"tunectl retry {row.name}"
    return Reason("state", f"{row.state}.{by}" if by else row.state, evidence or [f"it is {row.state}"], follow)


def _verdict(detail: TrialDetail) -> list[str]:
    """The latest verdict of early stopping, where it is not the reason of the trial's end already."""
    return [row.why for row in detail.rungs[-1:] if row.why not in detail.trial.reason]


def _attempts(attempts: Sequence[Json]) -> Iterator[str]:
    for attempt in attempts[:-1]:
        if attempt.get("reason"):
            yield f"attempt {attempt['attempt']} before it: {attempt['reason']}"


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0].rstrip(":,")
