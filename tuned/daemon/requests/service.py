"""The use cases: what each request does, one transaction each.

Owns the way from a request to the writer and back; handlers call nothing else to change something. Rules live in
`core`, the meaning of verbs in `tuned.daemon.requests.verbs`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage import queries, repository
from storage.engine import Database
from storage.repository import NewTrial
from tuned.core.arguments import recorded, render
from tuned.core.errors import Conflict, InvalidInput, NotFound
from tuned.core.finish.pipeline import Step, pipeline_of
from tuned.core.names import nearest
from tuned.core.placeholders import value_text
from tuned.core.search.design import complete_point
from tuned.core.search.phases import asks_advisor
from tuned.core.states import STUDY_ENDED, StopReason, StudyState
from tuned.core.study import Study, StudySpec
from tuned.core.study_file.parse import parse_study
from tuned.core.trial import Trial
from tuned.daemon import clock, failpoints
from tuned.daemon.attempts.freezing import Freezing
from tuned.daemon.attempts.live import Attempts
from tuned.daemon.files import run_dirs, snapshot
from tuned.daemon.files.code_state import CodeStates
from tuned.daemon.files.disk import Disk
from tuned.daemon.files.pretrained import as_started, needed, pinned
from tuned.daemon.files.snapshot import Taken
from tuned.daemon.finish.pipelines import first_step
from tuned.daemon.hub import Hub
from tuned.daemon.launch.interpreters import Interpreters
from tuned.daemon.launch.launching import Launching
from tuned.daemon.launch.trial_spec import argument_context
from tuned.daemon.machine.slots import Slots
from tuned.daemon.requests import changing, enqueuing, pausing, updating, verbs
from tuned.daemon.requests.estimating import estimate
from tuned.daemon.search.points import add_design_points
from tuned.daemon.search.priors import best_of, check_sources, prior_trials
from tuned.daemon.search.suggesting import Suggesting
from tuned.wire import Changed, CommandSubmission, Enqueue, Enqueued, Submission, Submitted
from tuned.wire_steering import SettingsChanged

T = TypeVar("T")

SHOWN_ARGUMENTS = 3


class _Rehearsed(Exception):
    """A rehearsal has come to its end; the transaction is rolled back with it."""

    def __init__(self, result: Submitted) -> None:
        super().__init__()
        self.result = result


class Service:
    """What the API can do. All methods are for the event loop."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        attempts: Attempts,
        slots: Slots,
        launching: Launching,
        suggesting: Suggesting,
        runs: Path,
        codes: CodeStates,
    ) -> None:
        self._database = database
        self._hub = hub
        self._attempts = attempts
        self._slots = slots
        self._launching = launching
        self._suggesting = suggesting
        self.runs = runs
        self._codes = codes
        self._interpreters = Interpreters()
        self._freezing = Freezing(database, attempts, slots)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a read-only connection."""

        def run() -> T:
            with self._database.read() as conn:
                return query(conn)

        return await asyncio.to_thread(run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction in the writer's thread."""
        return await self._database.writer.run(work)

    async def submit(self, submission: Submission, *, rehearse: bool = False) -> Submitted:
        """Take in a study; the same content again is done already.

        Args:
            submission: What was sent.
            rehearse: Do all of it, say what came of it, and leave nothing behind.

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
            return await self._create(coded, submission.environment, rehearse=rehearse, update=submission.update)
        taken = await asyncio.to_thread(snapshot.take, Path(spec.run.tree), spec.run.data, self.runs)
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
        base = request.name or Path(request.command[0]).stem.lower()
        name = request.name or await self.read(lambda conn: _free_name(conn, base))
        escaped = [part.replace("{", "{{").replace("}", "}}") for part in request.command]
        run: dict[str, object] = {"command": escaped, "cwd": request.cwd}
        if request.gpus is not None:
            run["resources"] = {"gpus": request.gpus}
        data = {"name": name, "priority": request.priority, "run": run, "search": {"trials": 1}}
        submitted = await self.submit(Submission(data, request.cwd, request.environment))
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
    ) -> Submitted:
        changed: list[str] = []

        def create(conn: Connection) -> tuple[Study, bool]:
            known = queries.study(conn, spec.name)
            if known is not None:
                # Its space may have been edited since: what was submitted is version 1.
                first = queries.first_space(conn, known.id) or known.spec.space
                submitted = replace(known.spec, space=first)
                if spec.content_hash() in (known.spec.content_hash(), submitted.content_hash()):
                    return known, False
                if update:
                    changed.extend(updating.update(conn, known, spec, clock.now()))
                    return queries.study_by_id(conn, known.id), False
                raise Conflict(
                    "there is a study of this name with other content: " + "; ".join(known.spec.differences(spec)),
                    where=spec.name,
                    hint="submit it --as another name, or --update this one",
                )
            if taken is not None and not rehearse:
                snapshot.place(taken, self.runs / spec.name)
                snapshot.write_origin(self.runs / spec.name, taken.hash, state or {})
            now, own = clock.now(), pinned(conn, spec, self.runs)
            check_sources(conn, own, now)
            study_id = repository.create_study(conn, own, environment, now)
            if spec.playbook is not None:
                repository.set_pipeline(conn, study_id, None, first_step(pipeline_of(spec.playbook), now), now)
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
        submitted = await self.read(lambda conn: self._submitted(conn, study, created))
        return replace(submitted, changed=changed)

    def _first_trials(self, conn: Connection, study_id: int, spec: StudySpec, now: float) -> None:
        """The user's own points first, then the first of the design, so that `submit` can show what will run."""
        for label, values in spec.search.points:
            given = spec.space.check_partial(values)
            number = queries.next_number(conn, study_id)
            point = recorded(spec, complete_point(spec.space, given, spec.search.seed, number - 1))
            new = NewTrial(params=point, origin="user", why=label or "a point of the study file", rank=0)
            repository.add_trials(conn, study_id, [new], now)
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
        if study.pipeline is not None:
            notes.append("its steps: " + ", ".join(_planned(step) for step in study.pipeline.steps))
        return Submitted(
            study=study.name,
            created=created,
            state=study.state,
            trials=spec.search.trials,
            slots=at_once,
            devices=[slot.name if slot.kind == "gpu" else slot.id for slot in slots] if room else [],
            python=spec.run.python,
            python_why=spec.run.python_why,
            arguments=[self.arguments(study, trial) for trial in first],
            notes=notes,
            code=spec.run.code_hash,
            estimate_s=seconds,
            estimate_why=why,
        )

    def arguments(self, study: Study, trial: Trial) -> list[str]:
        """The argument list of a trial's next, or latest, attempt; a function gets `name=value`, for the eye alone."""
        if study.spec.run.kind == "function":
            return [f"{name}={value_text(value)}" for name, value in trial.params.items()]
        attempt = max(1, trial.attempt)
        with contextlib.suppress(InvalidInput, OSError):
            trial = as_started(study.spec, trial, self.runs)
        context = argument_context(
            study.spec,
            trial,
            attempt,
            run_dirs.trial_dir(self.runs, trial.study, trial.number) / str(attempt),
            run_dirs.checkpoint_dir(self.runs, trial.study, run_dirs.checkpoints_of(trial)),
        )
        script = study.spec.run.script_typed
        return ([script] if script else []) + render(study.spec, context)

    async def enqueue(self, name: str, request: Enqueue) -> Enqueued:
        """Queue points of the user's own; an ended study runs again.

        Raises:
            NotFound: There is no such study.
            InvalidInput: A point is not in the space; none is queued then.
        """

        def add(conn: Connection) -> list[int]:
            return enqueuing.enqueue(conn, self._named(conn, name), request, clock.now())

        numbers = await self._database.writer.run(add)
        failpoints.reach("enqueue.committed")
        return Enqueued(numbers)

    def _named(self, conn: Connection, name: str) -> Study:
        study = queries.study(conn, name)
        if study is None:
            known = [s.name for s in queries.studies(conn)]
            raise NotFound(
                "there is no such study", where=name, hint=nearest(name, known) if known else "submit one first"
            )
        return study

    async def study(self, name: str) -> Study:
        """The study of this name.

        Raises:
            NotFound: There is none.
        """
        return await self.read(lambda conn: self._named(conn, name))

    async def set(self, name: str, values: Mapping[str, Any]) -> SettingsChanged:
        """Change keys of a submitted study.

        Raises:
            NotFound: There is no such study.
            InvalidInput, Conflict: See `changing.change`; nothing has changed.
        """
        return await self._database.writer.run(
            lambda conn: changing.change(conn, self._named(conn, name), values, clock.now())
        )

    async def act(self, verb: str, targets: list[str]) -> Changed:
        """Do a verb to its targets; live trials are told before this returns."""
        effect = await self._database.writer.run(lambda conn: verbs.act(conn, verb, targets, clock.now()))
        failpoints.reach("stop.committed")
        return await self._told(effect)

    async def undo_retry(self, targets: list[str]) -> Changed:
        """Take back retries that have not begun; see `verbs.undo_retry`."""
        return await self._told(
            await self._database.writer.run(lambda conn: verbs.undo_retry(conn, targets, clock.now()))
        )

    async def pause(self, targets: list[str], level: str | None = None, leaves_card: bool = False) -> Changed:
        """Pause studies and trials; see `pausing.pause`."""
        tool = self._freezing.cuda_tool is not None
        effect = await self._database.writer.run(
            lambda conn: pausing.pause(conn, targets, level, tool, clock.now(), leaves_card)
        )
        failpoints.reach("stop.committed")
        return await self._told(effect)

    async def _told(self, effect: verbs.Effect) -> Changed:
        """Have those told whom a verb is about."""
        for trial_id, reason in effect.stopping:
            await self.tell_to_stop(trial_id, reason)
            await self._freezing.restore(trial_id)
        await self._freezing.carry_out(effect.thawing, effect.freezing)
        return Changed(effect.changed, effect.skipped, effect.effects)

    async def tell_to_stop(self, trial_id: int, reason: StopReason) -> None:
        """Write `stop.json` and have the supervisor look at it.

        An attempt that has no directory yet, or none that can be written, is told by `Attempts` when it has.
        """
        attempt = self._attempts.live.get(trial_id)
        if attempt is not None and await self._attempts.tell_to_stop(attempt, reason):
            failpoints.reach("stop.signalled")

    async def reprioritise(self, targets: list[str], value: int, relative: bool) -> Changed:
        """Set or shift priorities."""
        effect = await self._database.writer.run(
            lambda conn: verbs.reprioritise(conn, targets, value, relative, clock.now())
        )
        return Changed(effect.changed, effect.skipped)

    async def delete(self, name: str) -> Changed:
        """Delete a study with its trials and run directories.

        Raises:
            Conflict: A trial of it is running.
        """

        def remove(conn: Connection) -> int:
            study = self._named(conn, name)
            if study.state not in STUDY_ENDED and study.state is not StudyState.PAUSED:
                raise Conflict(f"{name} is {study.state}", hint=f"tunectl cancel {name} first")
            others = {s.name: s.spec for s in queries.studies(conn, active_only=True) if s.id != study.id}
            users = [other for other, spec in others.items() if any(n == name for n, _ in needed({other: spec}))]
            if users:
                hint = f"wait for it, or tunectl cancel {users[0]}"
                raise Conflict(f"{users[0]} begins from its checkpoints", where=name, hint=hint)
            repository.delete_study(conn, study.id, clock.now())
            graves.extend(filter(None, [run_dirs.bury(self.runs, name)]))
            return study.id

        graves: list[Path] = []
        try:
            study_id = await self._database.writer.run(remove)
        except Exception:
            for grave in graves:
                run_dirs.give_back(grave)
            raise
        failpoints.reach("delete.committed")
        self._suggesting.forget(study_id)
        for grave in graves:
            await asyncio.to_thread(run_dirs.remove_grave, grave)
        return Changed([name])


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


def _free_name(conn: Connection, base: str) -> str:
    cleaned = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in base).strip("._-") or "command"
    names = {study.name for study in queries.studies(conn)}
    if cleaned not in names:
        return cleaned
    return next(f"{cleaned}-{i}" for i in range(2, len(names) + 3) if f"{cleaned}-{i}" not in names)
