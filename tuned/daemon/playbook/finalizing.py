"""The transactions of finalising: the final training, then one look at the test set.

Owns what is queued when, and the count of looks. The bundle is `tuned.daemon.playbook.bundles`' work. All of it runs in
the writer's thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from storage import queries, repository
from storage.repository import NewTrial, trial_seed
from tuned.core.errors import Conflict
from tuned.core.final.length import final_point
from tuned.core.playbook.spec import CONFIRM_STAGE, FINALIZE_STAGE, TEST_STAGE
from tuned.core.playbook.steps import Step, StepState, end
from tuned.core.ranking import whole
from tuned.core.state_words import told
from tuned.core.states import TERMINAL, TrialState
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon.playbook.confirming import ranked

UNCONFIRMED = "not confirmed"
"""`outcome` of a final model whose configuration was not repeated."""
_UNMADE = (StepState.FAILED, StepState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks at a study's test set so far.

    Attributes:
        final: Trials whose purpose it was, or that are about to; each counts, whatever became of it.
        reported: Other trials that reported the test metric all the same.
        analyses: Analyses that measured on the test set.
    """

    final: list[Trial]
    reported: int
    analyses: int
    metric: str

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.final) + self.reported + self.analyses

    @property
    def unplanned(self) -> str:
        """The looks that no final model was the purpose of, in words; empty without any."""
        found = []
        if self.reported:
            trials = "trial" if self.reported == 1 else "trials"
            found.append(f"{self.reported} {trials} before it reported {self.metric}")
        if self.analyses:
            analyses = "analysis" if self.analyses == 1 else "analyses"
            found.append(f"{self.analyses} {analyses} of an ensemble measured on it")
        return " and ".join(found)


def looks(conn: Connection, study: Study) -> Looks:
    """The looks at the test set so far."""
    final = [t for t in queries.trials_of_stage(conn, study.id, TEST_STAGE) if t.state is not TrialState.CANCELLED]
    if study.spec.test is None:
        return Looks(sorted(final, key=lambda trial: trial.number), 0, study.test_looks, "")
    metric = study.spec.test.metric
    final += [t for t in queries.trials_of_stage(conn, study.id, FINALIZE_STAGE) if metric in t.values]
    reported = queries.reporting_count(conn, study.id, metric, (TEST_STAGE, FINALIZE_STAGE))
    return Looks(sorted(final, key=lambda trial: trial.number), reported, study.test_looks, metric)


def refuse_second_look(conn: Connection, study: Study, again: bool) -> None:
    """A test set that is looked at until it pleases is a validation set.

    Raises:
        Conflict: A final model has been measured on it, and nobody said `again`.
    """
    before = looks(conn, study).final
    if not before or again:
        return
    metric = study.spec.test.metric if study.spec.test else ""
    seen = ", ".join(f"trial {t.number}: {t.values.get(metric, t.state.value)}" for t in before)
    times = "once" if len(before) == 1 else f"{len(before)} times"
    raise Conflict(
        f"the test set has been measured on {times} ({seen})",
        where=study.name,
        hint=f"a further measurement is counted: tunectl finalize {study.name} --again",
    )


def begin_finalize(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """Queue the final training of the best confirmed configuration.

    Raises:
        InvalidInput: There is no configuration.
        Conflict: The test set has been looked at.
    """
    refuse_second_look(conn, study, bool(step.options.get("again")))
    chosen, outcome, why = _configuration(conn, study)
    objective = study.spec.objective
    assert objective is not None
    runs = [t for t in queries.trials_of_stage(conn, study.id, CONFIRM_STAGE) if t.retry_of == chosen.number]
    curves = [
        [(o.step, o.value) for o in queries.observations(conn, run.id, objective.metric)]
        for run in runs or [chosen]
        if whole(run)
    ]
    params, length = final_point(study.spec.finalize, objective, study.spec.space, chosen.params, curves)
    count = len(queries.trials_of_stage(conn, study.id, FINALIZE_STAGE))
    new = NewTrial(
        params=params,
        origin="finalize",
        why=f"the final model: trial {chosen.number}, {why}; {length}",
        rank=0,
        stage=FINALIZE_STAGE,
        retry_of=chosen.number,
        seed=trial_seed(study.spec.search.seed, f"finalize/{count}"),
    )
    (number,) = repository.add_trials(conn, study.id, [new], now)
    result = {"configuration": chosen.number, "outcome": outcome, "why": why, "length": length, "trial": number}
    return replace(step, result={**step.result, **result})


def _configuration(conn: Connection, study: Study) -> tuple[Trial, str, str]:
    """The trial whose configuration becomes final, what its confirmation came to, and why it is the one."""
    confirmed = study.playbook.last("confirm") if study.playbook else None
    winner = confirmed.result.get("winner") if confirmed else None
    if winner is not None:
        found = queries.trial(conn, study.id, int(winner))
        if found is not None:
            said = confirmed.result if confirmed else {}
            return found, str(said.get("outcome", "confirmed")), str(said.get("why", "confirmed"))
    best = ranked(conn, study, 1)
    tried = [study.playbook.last("confirm", state) for state in _UNMADE] if study.playbook else []
    because = next((f" ({step.why})" for step in tried if step is not None and step.why), "")
    return best[0], UNCONFIRMED, f"the best of the search, by one run: it was not confirmed{because}"


def advance_finalize(conn: Connection, study: Study, step: Step, now: float) -> Step:
    """The consequence of a step's trials: the look at the test set, or that the bundle can be made (`ready`)."""
    training = queries.trial(conn, study.id, int(step.result["trial"]))
    if training is None or training.state is not TrialState.COMPLETED:
        return _failed(step, training, now)
    test = study.spec.test
    if test is None or test.metric in training.values:
        return replace(step, result={**step.result, "ready": True, **_numbers(conn, study, training, None)})
    if "test" not in step.result:
        new = NewTrial(
            params=training.params,
            origin="test",
            why=f"measurement {looks(conn, study).count + 1} on the test set, of the model of trial {training.number}",
            rank=0,
            stage=TEST_STAGE,
            retry_of=training.number,
            seed=training.seed,
        )
        (number,) = repository.add_trials(conn, study.id, [new], now)
        return replace(step, result={**step.result, "test": number})
    look = queries.trial(conn, study.id, int(step.result["test"]))
    if look is None or look.state is not TrialState.COMPLETED:
        return _failed(step, look, now)
    return replace(step, result={**step.result, "ready": True, **_numbers(conn, study, training, look)})


def _failed(step: Step, trial: Trial | None, now: float) -> Step:
    """The step with the end of a trial that gave no result; as it is while the trial has not ended."""
    if trial is None or trial.state not in TERMINAL:
        return step
    return end(step, StepState.FAILED, told(f"trial {trial.number} is {trial.state}", trial.reason), now)


def _numbers(conn: Connection, study: Study, training: Trial, look: Trial | None) -> dict[str, object]:
    """The final model's figure, and how often the test set has been looked at."""
    test, shown, seen = study.spec.test, look or training, looks(conn, study)
    found: dict[str, object] = {"looks": seen.count, **({"unplanned": seen.unplanned} if seen.unplanned else {})}
    if test is not None and test.metric in shown.values:
        found |= {"metric": test.metric, "value": shown.values[test.metric]}
    return found
