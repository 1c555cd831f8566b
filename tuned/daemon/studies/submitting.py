"""`submit`: a study file becomes a study with its first trials; and the reply to it.

Owns the way from a submission to the one transaction that takes it in, and the rehearsal of it, which leaves nothing
behind. `tuned/core/study_file/` reads and checks the file.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial
from tuned.core import words
from tuned.core.cards.packing import refusal
from tuned.core.errors import InvalidInput
from tuned.core.playbook.spec import looks_like_test
from tuned.core.playbook.steps import Step, planned
from tuned.core.program.arguments import recorded
from tuned.core.search.phases import asks_advisor
from tuned.core.study import Study, StudySpec
from tuned.core.study.secrets import without_passwords
from tuned.core.study_file.parse import parse_study
from tuned.core.text import printable
from tuned.daemon import clock, failpoints
from tuned.daemon.estimates.duration import estimate
from tuned.daemon.files import snapshot
from tuned.daemon.files.pretrained import pinned
from tuned.daemon.files.snapshot import Taken
from tuned.daemon.http.context import Context, Given
from tuned.daemon.http.routes import make_router
from tuned.daemon.launch.trial_spec import shown_arguments, unshown_point
from tuned.daemon.machine.slots import Slots
from tuned.daemon.playbook.playbooks import first_step
from tuned.daemon.search.freshness import SETTLED
from tuned.daemon.search.points import add_design_points
from tuned.daemon.search.priors import best_of, check_sources, prior_trials
from tuned.daemon.studies import updating
from tuned.daemon.studies.replacing import Replaced
from tuned.daemon.studies.starting_over import own_points
from tuned.disk import Disk
from tuned.wire import CommandSubmission, Submission, Submitted

SHOWN_ARGUMENTS = 3
"""Trials whose arguments `submit` shows: so many are queued with the study."""
LONGEST_COMMAND = 200
"""Characters of a queued command that lists show."""
LONGEST_STEM = 56
"""Of a queued command's name, so that a number fits behind it."""

router = make_router("studies")


@router.post("/studies")
async def submit(submission: Submission, given: Given) -> Submitted:
    """Take in a study; the same content again is done already, other content under its name is refused."""
    return await take_in(given, submission)


@router.post("/commands")
async def queue_command(request: CommandSubmission, given: Given) -> Submitted:
    """Queue one plain command."""
    if not request.command:
        raise InvalidInput("no command was given", hint="tunectl queue -- CMD ARG ...")
    name = _command_name(Path(request.command[0]).stem.lower()) if request.name is None else request.name
    escaped = [part.replace("{", "{{").replace("}", "}}") for part in request.command]
    run: dict[str, object] = {"command": escaped, "cwd": request.cwd}
    if request.gpus is not None:
        run["resources"] = {"gpus": request.gpus}
    data = {
        "name": name,
        "question": _as_typed(request.command),
        "priority": request.priority,
        "run": run,
        "search": {"trials": 1},
    }
    submission = Submission(data, request.cwd, request.environment)
    submitted = await take_in(given, submission, under_any_name=request.name is None)
    return replace(submitted, trial=1)


def _as_typed(command: Sequence[str]) -> str:
    """The command on one line, which lists show where a study has its question."""
    text = printable(without_passwords(shlex.join(command)))
    return text if len(text) <= LONGEST_COMMAND else f"{text[: LONGEST_COMMAND - 1]}…"


async def take_in(given: Context, submission: Submission, *, under_any_name: bool = False) -> Submitted:
    """Take in a study; the same content again is done already.

    Args:
        given: The daemon's parts.
        submission: The study file and the submitter's environment.
        under_any_name: Its name is a proposal: where it is taken, a number is added, and a study is always made.

    Raises:
        InvalidInput: The study file is wrong.
        Conflict: Another study has this name; the message holds the difference.
    """
    spec = await asyncio.to_thread(
        parse_study,
        submission.study,
        base=submission.base,
        environment=submission.environment,
        files=Disk(),
        stem=submission.stem,
        name=submission.name,
        file=submission.file,
        own_prefix=sys.prefix,
    )
    if spec.run.place:
        spec = await asyncio.to_thread(given.places.admit, spec)
    else:
        _refuse_missing_gpus(given.slots, spec)
        spec = await _with_usable_python(given, spec, submission.environment)
    if spec.run.code == "live":
        state = await asyncio.to_thread(given.codes.state, spec.run)
        coded = _with_code(spec, state["hash"])
        return await _create(given, coded, submission, under_any_name=under_any_name)
    runs = await asyncio.to_thread(given.places.home, spec.run.place) if spec.run.place else given.runs
    taken = await asyncio.to_thread(snapshot.take, Path(spec.run.tree), spec.run.data, runs)
    try:
        _refuse_uncopied(spec, taken)
        state = await asyncio.to_thread(given.codes.state, spec.run)
        coded = _with_code(spec, taken.hash)
        return await _create(given, coded, submission, taken, state, under_any_name=under_any_name)
    finally:
        await asyncio.to_thread(snapshot.drop, taken)


def _refuse_missing_gpus(slots: Slots, spec: StudySpec) -> None:
    """A trial that wants more cards than there are would wait for ever."""
    if slots.capacity(spec.run.gpus) == 0:
        has, why = slots.has(spec.run.gpus), f": {'; '.join(slots.notes)}" if slots.notes and not slots.gpus else ""
        raise InvalidInput(
            f"a trial wants {words.number(spec.run.gpus)} of them, and this machine has {has}{why}",
            where="run.resources.gpus",
            hint="leave it out to take what there is; tunectl doctor says whether the driver answers",
        )


def _one_at_a_time(slots: Slots, spec: StudySpec) -> StudySpec:
    """The specification with `parallel` 1 where the machine has one slot that is not shared: the same search again.

    A study begins so; what was submitted is kept as its file says it, which may be sent again to more slots or fewer.
    Not so while the GPU driver does not answer: nobody knows how many cards there will be.
    """
    searching = spec.objectives and spec.space.tunable and spec.search.parallel is None and not spec.run.place
    shares = slots.gpus and not refusal(spec)
    if searching and slots.capacity(spec.run.gpus) == 1 and not (shares or slots.trouble):
        return replace(spec, search=replace(spec.search, parallel=1))
    return spec


async def _with_usable_python(given: Context, spec: StudySpec, environment: dict[str, str]) -> StudySpec:
    """The specification with an interpreter that runs; a command without one runs under our own.

    Raises:
        InvalidInput: The interpreter does not run, or is too old.
    """
    if spec.run.python:
        try:
            version = await given.interpreters.version(spec.run.python, environment)
            return replace(spec, run=replace(spec.run, python_why=f"{version}: {spec.run.python_why}"))
        except InvalidInput:
            if spec.run.kind != "command":
                raise
    return replace(spec, run=replace(spec.run, python="", python_why="a command needs no Python of its own"))


async def _create(
    given: Context,
    spec: StudySpec,
    submission: Submission,
    taken: Taken | None = None,
    state: dict[str, Any] | None = None,
    *,
    under_any_name: bool = False,
) -> Submitted:
    changed: list[str] = []
    replaced = Replaced(given.runs)

    def create(conn: Connection) -> tuple[Study, bool]:
        nonlocal spec
        if under_any_name:
            # Here and not before: of two that look for a free name at the same moment, one would be refused, or
            # taken for the same study sent twice.
            spec = replace(spec, name=_free_name(conn, spec.name))
        here = _one_at_a_time(given.slots, spec)
        known = queries.study(conn, spec.name)
        if known is not None and submission.replace and updating.begins_anew(conn, known, spec, here):
            replaced.make_room(conn, known, clock.now(), rehearse=given.dry_run)
        elif known is not None:
            content = updating.Content(spec, here, submission.environment)
            changed.extend(updating.resubmit(conn, known, content, submission.update, clock.now()))
            return queries.study_by_id(conn, known.id), False
        if spec.run.place and not given.dry_run:
            given.places.settle(spec, spec.name)
        if taken is not None and not given.dry_run:
            snapshot.place(taken, given.runs / spec.name)
            snapshot.write_origin(given.runs / spec.name, taken.hash, state or {})
        now, own = clock.now(), pinned(conn, here, given.runs)
        check_sources(conn, own, now)
        study_id = repository.create_study(conn, own, submission.environment, now)
        repository.set_submitted(conn, study_id, pinned(conn, spec, given.runs))
        if spec.playbook is not None:
            repository.set_playbook(conn, study_id, None, first_step(planned(spec.playbook), now), now)
        _first_trials(conn, study_id, spec, now)
        return queries.study_by_id(conn, study_id), True

    def answered(conn: Connection) -> tuple[Study, bool, Submitted]:
        # In one transaction: where there is no answer, such as for damage that it meets, nothing was taken in.
        study, created = create(conn)
        return study, created, _submitted(given, conn, study, created)

    try:
        study, created, submitted = await given.commit(answered)
    except Exception:
        if not given.dry_run:
            replaced.take_back()
        raise
    if given.dry_run:
        return replace(submitted, changed=changed, replaced=replaced.kept_as)
    failpoints.reach("submit.committed")
    if created:
        given.launching.prepare(study)
        if asks_advisor(spec.search) and spec.objectives and spec.space.tunable:
            given.suggesting.warm_up()
    return replace(submitted, changed=changed, replaced=replaced.kept_as)


def _first_trials(conn: Connection, study_id: int, spec: StudySpec, now: float) -> None:
    """The user's own points first, then the first of the design, so that `submit` can show what will run."""
    own_points(conn, queries.study_by_id(conn, study_id), now)
    trials = spec.search.trials
    room = SHOWN_ARGUMENTS if trials is None else trials - len(spec.search.points)
    earlier = best_of(spec, prior_trials(conn, spec, now)) if room > 0 else None
    if earlier is not None:
        why = f"the best of {earlier[0].study} (#{earlier[0].number})"
        repository.add_trials(conn, study_id, [NewTrial(recorded(spec, earlier[1]), "prior", why)], now)
    missing = SHOWN_ARGUMENTS - len(spec.search.points) - (earlier is not None)
    if not spec.space.tunable:
        missing = min(missing, 1)
    if missing > 0:
        origin = None if spec.objectives else "command"
        add_design_points(conn, study_id, missing, origin, "" if origin is None else "queued by you", now)


def changed_since(submitted: StudySpec, now: StudySpec) -> list[str]:
    """Changes that people made to a study since it was submitted, as `KEY: OLD -> NEW`."""
    return [line for line in submitted.differences(now) if not line.startswith(SETTLED)]


def _submitted(given: Context, conn: Connection, study: Study, created: bool) -> Submitted:
    spec, slots = study.spec, given.slots.kind_for(study.spec.run.gpus)
    first = queries.trials(conn, study.id, limit=SHOWN_ARGUMENTS)
    place = spec.run.place
    room = given.places.capacity(place) if place else given.slots.capacity(spec.run.gpus)
    at_once = min(room, spec.search.parallel or room)
    seconds, why = estimate(conn, spec, at_once)
    notes = []
    if spec.search.parallel is not None and spec.search.parallel > room > 0:
        has = f"place {place} has" if place else "this machine has"
        notes.append(f"search.parallel is {spec.search.parallel}, but {has} {words.count(room, 'slot')}")
    if not created:
        # It may have been changed while it ran, by hand or by itself; that stays.
        drift = changed_since(_one_at_a_time(given.slots, queries.submitted_spec(conn, study.id)), spec)
        notes += [f"changed since it was submitted: {'; '.join(drift)}"] if drift else []
    named = [o.metric for o in spec.objectives if looks_like_test(o.metric)]
    if named:
        notes.append(f"the objective is called {named[0]}: a search that improves a test score uses the test set up")
    if study.playbook is not None:
        notes.append("its steps: " + ", ".join(_planned(step) for step in study.playbook.steps))
    return Submitted(
        study=study.name,
        created=created,
        state=study.state,
        trials=spec.search.trials,
        slots=at_once,
        devices=[place] if place else [slot.name if slot.kind == "gpu" else slot.id for slot in slots] if room else [],
        python=spec.run.python,
        python_why=spec.run.python_why,
        arguments=[shown_arguments(study, trial, given.runs) for trial in first],
        notes=notes,
        code=spec.run.code_hash,
        estimate_s=seconds,
        estimate_why=why,
        cores=0 if place else given.slots.cores_each(spec.run.cpus, spec.run.gpus),
        points=[unshown_point(spec, trial) for trial in first],
    )


def _planned(step: Step) -> str:
    options = step.options
    if step.searches:
        return f"{step.name} ({words.count(int(options.get('trials', 0)), 'trial')})"
    if step.name == "confirm":
        return f"confirm (up to {options['top'] + 1} points with {words.count(options['seeds'], 'seed')} each)"
    return step.name


def _with_code(spec: StudySpec, code_hash: str) -> StudySpec:
    return replace(spec, run=replace(spec.run, code_hash=code_hash))


def _refuse_uncopied(spec: StudySpec, taken: Taken) -> None:
    """A script that git ignores would be missing in every trial."""
    script, tree = spec.run.script, spec.run.tree
    if script is not None and not (taken.folder / Path(script).relative_to(tree)).exists():
        raise InvalidInput(
            f"git ignores {script}, so the copy does not have it", where="run.script", hint="git add -f it"
        )


def _command_name(base: str) -> str:
    cleaned = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in base).strip("._-") or "command"
    return re.sub(r"\.{2,}", ".", cleaned)[:LONGEST_STEM].rstrip("._-")


def _free_name(conn: Connection, name: str) -> str:
    names = {study.name for study in queries.studies(conn)}
    if name not in names:
        return name
    return next(f"{name}-{i}" for i in range(2, len(names) + 3) if f"{name}-{i}" not in names)
