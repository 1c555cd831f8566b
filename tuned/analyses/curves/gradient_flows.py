"""The records of `trial.watch` about each trial's gradients. Owns the reading of `gradients.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuned import protocol
from tuned.analyses.study_data import StudyData, TrialData, once
from tuned.core.space import Parameter

VANISHED = 1e-3
"""First layer over last layer, root mean squares. Nets of depth 1 to 5 with relu or tanh have 0.05 to 0.5 and learn;
at 1e-3 the first layers stand still while the last one is trained."""
EXPLODED = 1e3
SPIKE = 1e3
"""The greatest norm over the median norm."""

ACTIVATIONS = ("activation", "act", "activation_fn", "nonlinearity")


@dataclass(frozen=True, slots=True)
class Flow:
    """The gradients of one trial.

    Attributes:
        ratio: Root mean square in the first layer over that in the last, early in training.
        layers: Trained weights of two axes and more.
        norm: Quantiles of the whole gradient's norm by name: `p10`, `p50`, `p90`, `p99`, `max`.
        nonfinite: Samples that were NaN or infinite.
    """

    trial: TrialData
    activation: str
    layers: int
    ratio: float | None
    norm: Mapping[str, float]
    nonfinite: int
    samples: int

    @property
    def vanished(self) -> bool:
        """Whether the first layers learn next to nothing."""
        return self.ratio is not None and self.ratio < VANISHED

    @property
    def exploded(self) -> bool:
        """Whether the gradients left the range of what can be trained with."""
        spike = bool(self.norm) and self.norm["p50"] > 0 and self.norm["max"] / self.norm["p50"] > SPIKE
        return self.nonfinite > 0 or spike or (self.ratio is not None and self.ratio > EXPLODED)


@once
def flows(study: StudyData) -> tuple[Flow, ...]:
    """The record of each watched trial of the search, by number."""
    name = first_named(study, ACTIVATIONS)
    found = (_flow(trial, name.name if name else None) for trial in study.searched if trial.run_dir)
    return tuple(flow for flow in found if flow is not None)


def _flow(trial: TrialData, activation: str | None) -> Flow | None:
    try:
        record = protocol.read_record(trial.run_dir, protocol.GRADIENTS_FILE)
        return None if record is None else _read(trial, activation, record)
    except (OSError, protocol.RecordError, KeyError, TypeError, ValueError):
        return None  # a torn or foreign file: this trial was not watched


def _read(trial: TrialData, activation: str | None, record: Mapping[str, Any]) -> Flow:
    layers = [layer["rms_early"] for layer in record["layers"]]
    known = len(layers) > 1 and layers[0] is not None and layers[-1]
    said = str(trial.params[activation]) if activation in trial.params else ""
    return Flow(
        trial=trial,
        activation=said or (record["activations"][0].lower() if record["activations"] else ""),
        layers=len(layers),
        ratio=max(float(layers[0]) / float(layers[-1]), 1e-300) if known else None,
        norm={str(name): float(value) for name, value in record["norm"].items()},
        nonfinite=int(record["nonfinite"]),
        samples=int(record["samples"]),
    )


def first_named(study: StudyData, names: Sequence[str]) -> Parameter | None:
    """The tunable parameter that has the first of these names which any has, whatever group it is in."""
    by_name = {p.name.lower().rpartition(".")[2]: p for p in study.space.tunable}
    return next((by_name[name] for name in names if name in by_name), None)
