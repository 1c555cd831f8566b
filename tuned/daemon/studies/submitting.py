"""`submit`: a study file becomes a study with its first trials; and what is said of it.

Owns the way from a submission to the one transaction that takes it in, and the rehearsal of it, which leaves nothing
behind. What a study file may say is `tuned/core/study_file/`.
"""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.repository import NewTrial
from tuned.core.errors import InvalidInput
from tuned.core.playbook.steps import Step, planned
from tuned.core.program.arguments import recorded
from tuned.core.search.phases import asks_advisor
from tuned.core.study import Study, StudySpec
from tuned.core.study_file.parse import parse_study
from tuned.daemon import clock, failpoints
from tuned.daemon.estimates.duration import estimate
from tuned.daemon.files import snapshot
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.pretrained import pinned
from tuned.daemon.files.snapshot import Taken
from tuned.daemon.launch.interpreters import Interpreters
from tuned.daemon.launch.launching import Launching
from tuned.daemon.launch.trial_spec import shown_arguments
from tuned.daemon.machine.slots import Slots
from tuned.daemon.playbook.playbooks import first_step
from tuned.daemon.search.points import add_design_points
from tuned.daemon.search.priors import best_of, check_sources, prior_trials
from tuned.daemon.search.suggesting import Suggesting
from tuned.daemon.studies import updating
from tuned.daemon.studies.starting_over import own_points
from tuned.disk import Disk
from tuned.wire import CommandSubmission, Submission, Submitted

SHOWN_ARGUMENTS = 3
"""Trials whose arguments `submit` shows: so many are queued with the study."""
LONGEST_STEM = 56
"""Of a queued command's name, so that a number fits behind it."""


class _Rehearsed(Exception):
    """A rehearsal has come to its end; the transaction is rolled back with it."""

    def __init__(self, result: Submitted) -> None:
        super().__init__()
        self.result = result


class Submitting:
    """Takes studies in. All methods are for the event loop."""

    def __init__(
        self,
        database: Database,
        slots: Slots,
        launching: Launching,
        suggesting: Suggesting,
        runs: Path,
        codes: CodeStates,
    ) -> None:
        self._database = database
        self._slots = slots
        self._launching = launching
        self._suggesting = suggesting
        self._runs = runs
        self._codes = codes
        self._interpreters = Interpreters()

    async def submit(
        self, submission: Submission, *, rehearse: bool = False, under_any_name: bool = False
    ) -> Submitted:
        """Take in a study; the same content again is done already.

        Args:
            submission: The study and the environment it was sent from.
            rehearse: Do all of it, say what came of it, and leave nothing behind.
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
        spec = await self._with_usable_python(spec, submission.environment)
        if spec.run.code == "live":
            state = await asyncio.to_thread(self._codes.state, spec.run)
            coded = _with_code(spec, state["hash"])
            return await self._create(
                coded,
                submission.environment,
                rehearse=rehearse,
                update=submission.update,
                under_any_name=under_any_name,
            )
        taken = await asyncio.to_thread(snapshot.take, Path(spec.run.tree), spec.run.data, self._runs)
        try:
            _refuse_uncopied(spec, taken)
            state = await asyncio.to_thread(self._codes.state, spec.run)
            coded = _with_code(spec, taken.hash)
            return await self._create(
                coded, submission.environment, taken, state, rehearse=rehearse, update=submission.update
            )
        finally:
            await asyncio.to_thread(snapshot.drop, taken)

    async def _with_usable_python(self, spec: StudySpec, environment: dict[str, str]) -> StudySpec:
        """The specification with an interpreter that runs; a command without one runs under our own.

        Raises:
            InvalidInput: The interpreter does not run, or is too old.
        """
        if spec.run.python:
            try:
                version = await self._interpreters.version(spec.run.python, environment)
                return replace(spec, run=replace(spec.run, python_why=f"{version}: {spec.run.python_why}"))
            except InvalidInput:
                if spec.run.kind != "command":
                    raise
        return replace(spec, run=replace(spec.run, python="", python_why="a command needs no Python of its own"))

    async def queue_command(self, request: CommandSubmission) -> Submitted:
        """Queue one plain command: a study with an empty space and one trial.

        Raises:
            InvalidInput: There is no such program.
        """
        if not request.command:
            raise InvalidInput("no command was given", hint="tunectl queue -- CMD ARG ...")
        name = request.name or _command_name(Path(request.command[0]).stem.lower())
        escaped = [part.replace("{", "{{").replace("}", "}}") for part in request.command]
        run: dict[str, object] = {"command": escaped, "cwd": request.cwd}
        if request.gpus is not None:
            run["resources"] = {"gpus": request.gpus}
        data = {"name": name, "priority": request.priority, "run": run, "search": {"trials": 1}}
        submission = Submission(data, request.cwd, request.environment)
        submitted = await self.submit(submission, under_any_name=not request.name)
        return replace(submitted, trial=1)

    async def _create(
        self,
        spec: StudySpec,
        environment: dict[str, str],
        taken: Taken | None = None,
        state: dict[str, Any] | None = None,
        *,
        rehearse: bool = False,
        update: bool = False,
        under_any_name: bool = False,
    ) -> Submitted:
        changed: list[str] = []

        def create(conn: Connection) -> tuple[Study, bool]:
            nonlocal spec
            if under_any_name:
                # Here and not before: of two that look for a free name at the same moment, one would be refused, or
                # taken for the same study sent twice.
                spec = replace(spec, name=_free_name(conn, spec.name))
            known = queries.study(conn, spec.name)
            if known is not None:
                changed.extend(updating.resubmit(conn, known, spec, environment, update, clock.now()))
                return queries.study_by_id(conn, known.id), False
            if taken is not None and not rehearse:
                snapshot.place(taken, self._runs / spec.name)
                snapshot.write_origin(self._runs / spec.name, taken.hash, state or {})
            now, own = clock.now(), pinned(conn, spec, self._runs)
            check_sources(conn, own, now)
            study_id = repository.create_study(conn, own, environment, now)
            if spec.playbook is not None:
                repository.set_playbook(conn, study_id, None, first_step(planned(spec.playbook), now), now)
            self._first_trials(conn, study_id, spec, now)
            return queries.study_by_id(conn, study_id), True

        def try_out(conn: Connection) -> None:
            study, created = create(conn)
            raise _Rehearsed(self._submitted(conn, study, created))  # so that the writer takes all of it back

        if rehearse:
            try:
                await self._database.writer.run(try_out)
            except _Rehearsed as done:
                return done.result
        study, created = await self._database.writer.run(create)
        failpoints.reach("submit.committed")
        if created:
            self._launching.prepare(study)
            if asks_advisor(spec.search) and spec.objectives and spec.space.tunable:
                self._suggesting.warm_up()
        submitted = await self._database.ask(lambda conn: self._submitted(conn, study, created))
        return replace(submitted, changed=changed)

    def _first_trials(self, conn: Connection, study_id: int, spec: StudySpec, now: float) -> None:
        """The user's own points first, then the first of the design, so that `submit` can show what will run."""
        own_points(conn, queries.study_by_id(conn, study_id), now)
        earlier = best_of(spec, prior_trials(conn, spec, now))
        if earlier is not None:
            why = f"the best of {earlier[0].study} (#{earlier[0].number})"
            repository.add_trials(conn, study_id, [NewTrial(recorded(spec, earlier[1]), "prior", why)], now)
        missing = SHOWN_ARGUMENTS - len(spec.search.points) - (earlier is not None)
        if spec.search.trials is not None:
            missing = min(missing, spec.search.trials - len(spec.search.points))
        if not spec.space.tunable:
            missing = min(missing, 1)
        if missing > 0:
            origin = None if spec.objectives else "command"
            add_design_points(conn, study_id, missing, origin, "" if origin is None else "queued by you", now)

    def _submitted(self, conn: Connection, study: Study, created: bool) -> Submitted:
        spec, slots = study.spec, self._slots.default_slots
        first = queries.trials(conn, study.id, limit=SHOWN_ARGUMENTS)
        room = self._slots.capacity(spec.run.gpus)
        at_once = min(room, spec.search.parallel or room)
        seconds, why = estimate(conn, spec, at_once)
        notes = []
        if spec.search.parallel is not None and spec.search.parallel > room > 0:
            notes.append(f"search.parallel is {spec.search.parallel}, but this machine has {room} slot(s)")
        if room == 0:
            notes.append(
                f"a trial wants {spec.run.gpus:g} GPUs, but this machine has {len(self._slots.gpus)}: its trials wait"
            )
        if not created:
            # It may have been changed while it ran, by hand or by itself; that stays.
            drift = queries.submitted_spec(conn, study.id).differences(spec)
            notes += [f"changed since it was submitted: {'; '.join(drift)}"] if drift else []
        if study.playbook is not None:
            notes.append("its steps: " + ", ".join(_planned(step) for step in study.playbook.steps))
        return Submitted(
            study=study.name,
            created=created,
            state=study.state,
            trials=spec.search.trials,
            slots=at_once,
            devices=[slot.name if slot.kind == "gpu" else slot.id for slot in slots] if room else [],
            python=spec.run.python,
            python_why=spec.run.python_why,
            arguments=[shown_arguments(study, trial, self._runs) for trial in first],
            notes=notes,
            code=spec.run.code_hash,
            estimate_s=seconds,
            estimate_why=why,
        )


def _planned(step: Step) -> str:
    options = step.options
    if step.searches:
        return f"{step.name} ({options.get('trials')} trials)"
    if step.name == "confirm":
        return f"confirm (up to {options['top'] + 1} points with {options['seeds']} seeds each)"
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
