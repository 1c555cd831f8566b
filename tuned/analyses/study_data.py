"""A study as every analysis takes it: plain frozen dataclasses with arrays.

Owns that shape and its JSON form, which the daemon writes field for field (`tuned.daemon.analyses.study_data`). No
judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from tuned.core.errors import InvalidInput
from tuned.core.names import no_parameter
from tuned.core.playbook.spec import CONFIRM_STAGE
from tuned.core.ranking import Ranking, Tier, whole
from tuned.core.space import Parameter, Point, SearchSpace, Value
from tuned.core.space.unit import place
from tuned.core.study import SEARCH, Objective, StudySpec
from tuned.protocol import decode_number

Floats = NDArray[np.float64]
_More = ParamSpec("_More")
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One metric of one trial over its steps, oldest first; at most some 200 points.

    Of a longer curve each stretch keeps its least and its greatest value, the first that is no number, and the ends
    stay: peaks survive, the density does not. `reports` is how many there were before that.

    Attributes:
        steps, values, times: Arrays of one length; `times` are Unix seconds, NaN where the writer gave none.
    """

    steps: Floats
    values: Floats
    times: Floats
    reports: int

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def finite(self) -> Curve:
        """Without the values that are no finite numbers."""
        kept = np.isfinite(self.values)
        return self if kept.all() else Curve(self.steps[kept], self.values[kept], self.times[kept], self.reports)


EMPTY = Curve(np.empty(0), np.empty(0), np.empty(0), 0)


@dataclass(frozen=True, slots=True, eq=False)
class TrialData:
    """One trial.

    Attributes:
        params: Value of every active parameter.
        state: As `tuned.core.states.TrialState` spells it.
        values: Objective and constraint metric -> summary; non-finite when it diverged.
        failure: As `tuned.core.states.Failure` spells it; empty when it did not fail.
        origin: Where the point came from: `sobol`, `bayesian`, `user`, ...
        why: The sentence of whoever chose the point.
        stage: `search`, or what else it ran for.
        space_version: Version of the search space that it was suggested under.
        seconds: Wall time of running; None before it has started.
        peak_memory: Bytes: GPU memory where there were samples of it, else the process's largest resident set; None
            when neither is known. `memory_kind`: `gpu` or `ram`.
        code: Hash of the code that it ran, where that is not what was submitted; empty otherwise.
        rescued: Early stopping would have stopped it, and let it run to its end to measure how often that is wrong.
        run_dir: Folder of its latest attempt; empty before the first.
        stopped_by: The rule or person that ended it, where it is `pruned`, as `StoppedBy` spells it.
        curves: Metric -> its curve.
        card: Its use of its card, as `tuned.core.trials.card_figures.figures` has it; empty where it had none.
    """

    number: int
    params: Point
    state: str
    values: Mapping[str, float]
    failure: str = ""
    reason: str = ""
    origin: str = ""
    why: str = ""
    seed: int = 0
    stage: str = "search"
    device: str = ""
    space_version: int = 1
    attempt: int = 0
    last_step: float | None = None
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    seconds: float | None = None
    peak_memory: float | None = None
    memory_kind: str = ""
    code: str = ""
    rescued: bool = False
    run_dir: str = ""
    retry_of: int | None = None
    stopped_by: str = ""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    card: Mapping[str, float] = field(default_factory=dict)

    def curve(self, metric: str | None) -> Curve:
        """Its curve of a metric; an empty one when it has not reported it."""
        return self.curves.get(metric, EMPTY) if metric else EMPTY


@dataclass(frozen=True, eq=False)
class StudyData:
    """A study with its trials, in the order of their numbers.

    Attributes:
        spec: All that the submission fixed: space with roles, objectives, constraints, search, early stopping.
        state: As `tuned.core.states.StudyState` spells it.
        slots: Trials that the machine can run at once.
        steps: The steps of its playbook, as `tuned.core.playbook.steps.Playbook.to_list` has them.
        cards: Where the time of the machine's cards went meanwhile, as `tunectl gpu ledger --json` has it.
    """

    name: str
    spec: StudySpec
    trials: tuple[TrialData, ...]
    state: str = "completed"
    created_at: float = 0.0
    ended_at: float | None = None
    slots: int = 1
    steps: tuple[Mapping[str, Any], ...] = ()
    cards: tuple[Mapping[str, Any], ...] = ()

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return self.spec.space

    @property
    def objective(self) -> Objective:
        """The first objective.

        Raises:
            InvalidInput: The study has none.
        """
        if self.spec.objective is None:
            raise InvalidInput("this study has no objective to judge by", where=self.name)
        return self.spec.objective

    @property
    def sign(self) -> float:
        """Factor that makes smaller values of the first objective better."""
        return self.objective.sign

    @cached_property
    def found(self) -> dict[object, Any]:
        """Results of functions marked `once` on this study."""
        return {}

    @cached_property
    def searched(self) -> tuple[TrialData, ...]:
        """The trials of the search, without repetitions, the final training and the look at the test set."""
        return tuple(t for t in self.trials if t.stage == SEARCH)

    @cached_property
    def ranked(self) -> tuple[TrialData, ...]:
        """The ranked trials, best first: `tuned.core.ranking`."""
        self.objective  # noqa: B018 - refuses a study without one
        return tuple(Ranking.of(self.spec).ranked(self.trials))

    @cached_property
    def cut(self) -> tuple[TrialData, ...]:
        """Trials of the search with a result that a rule or a person cut short, best first."""
        ranking = Ranking.of(self.spec)
        found = (t for t in self.searched if ranking.tier(t) is Tier.CUT)
        return tuple(sorted(found, key=ranking.key))

    @cached_property
    def repeated(self) -> tuple[TrialData, ...]:
        """Trials of the search run again with other seeds, to their end and with a finite result: confirmations."""
        metric = self.objective.metric
        again = (t for t in self.trials if t.stage == CONFIRM_STAGE and whole(t))
        return tuple(t for t in again if np.isfinite(t.values.get(metric, np.nan)))

    @cached_property
    def full(self) -> tuple[TrialData, ...]:
        """`ranked` without trials that were cut short: those are ranked where there is nothing else."""
        return tuple(t for t in self.ranked if whole(t))

    def outcome(self, trials: Sequence[TrialData]) -> Floats:
        """The first objective of trials, as reported; NaN where there is none."""
        metric = self.objective.metric
        return np.array([t.values.get(metric, np.nan) for t in trials], dtype=float)

    def parameter(self, name: str) -> Parameter:
        """A parameter of the space.

        Raises:
            InvalidInput: There is none of that name.
        """
        try:
            return self.space[name]
        except KeyError:
            raise no_parameter(name, self.space.names) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StudyData:
        """The study as the daemon sent it."""
        trials = tuple(_trial(row) for row in data["trials"])
        lists = {name: tuple(data.get(name, ())) for name in ("steps", "cards")}
        return cls(**{**data, "spec": StudySpec.from_dict(data["spec"]), "trials": trials, **lists})


_KNOWN = frozenset(known.name for known in fields(TrialData))


def _trial(row: Mapping[str, Any]) -> TrialData:
    values = {metric: decode_number(value) for metric, value in row["values"].items()}
    curves = {metric: _curve(curve) for metric, curve in row["curves"].items()}
    known = {name: value for name, value in row.items() if name in _KNOWN}
    return TrialData(**{**known, "values": values, "curves": curves})


def _curve(data: Mapping[str, Any]) -> Curve:
    return Curve(_floats(data["steps"]), _floats(data["values"]), _floats(data["times"]), data["reports"])


def _floats(values: Sequence[Any]) -> Floats:
    """Numbers as JSON had them: null is NaN, `inf` and `-inf` are words."""
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def once(
    function: Callable[Concatenate[StudyData, _More], _Found],
) -> Callable[Concatenate[StudyData, _More], _Found]:
    """A function of a study that many analyses ask: its answer is kept with the study, and nobody may change it.

    Further arguments must be hashable.
    """

    @wraps(function)
    def kept(study: StudyData, /, *more: _More.args, **named: _More.kwargs) -> _Found:
        key = (function, more, *named.items())
        if key not in study.found:
            study.found[key] = function(study, *more, **named)
        answer: _Found = study.found[key]
        return answer

    return kept


def positions(parameter: Parameter, values: Sequence[Value]) -> Floats:
    """Where values of a numeric or ordered parameter lie between its ends: 0 to 1, on its own scale.

    NaN for values of no order, such as the words of an unordered choice.
    """
    if parameter.kind not in ("float", "int") and not parameter.ordered:
        return np.full(len(values), np.nan)
    places = (place(parameter, value) for value in values)
    return np.array([np.nan if unit is None else unit for unit in places], dtype=float)
