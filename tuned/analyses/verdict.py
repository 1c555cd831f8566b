"""A judgement on a study, with what it rests on.

Owns that shape alone: standard library only, so that whoever shows a verdict can read it without any numerics.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tuned.protocol import decode_number, encode_all

Level = Literal["info", "warn", "fail"]
Evidence = float | int | str

LEVELS: tuple[Level, ...] = ("fail", "warn", "info")
"""The most pressing first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judgement as by somebody who knows the playbook.

    Attributes:
        level: `fail`: conclusions drawn from this are wrong or work is lost. `warn`: it costs quality or time, and
            there is something to do about it. `info`: good to know; a healthy study has these too.
        code: Which rule spoke, as `docs/playbook-verdicts.md` lists it: `space.near-bound`. Stable.
        what: One sentence with the numbers that matter.
        evidence: The figures behind it by name; numbers as numbers.
        remedy: One sentence on what to do; empty when there is nothing.
        command: The `tunectl` line that does it, complete but for what only a person can choose; empty when there is
            none.
        about: The parameter, metric or `STUDY/NUMBER` it is about; empty: the study.
        trials: Numbers of the trials it is about, the clearest case first.
    """

    level: Level
    code: str
    what: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    remedy: str = ""
    command: str = ""
    about: str = ""
    trials: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "level": self.level,
            "code": self.code,
            "what": self.what,
            "evidence": encode_all(self.evidence),
            "remedy": self.remedy,
            "command": self.command,
            "about": self.about,
            "trials": list(self.trials),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """The inverse of `to_dict`."""
        evidence = {name: _evidence(value) for name, value in data["evidence"].items()}
        return cls(**{**data, "evidence": evidence, "trials": tuple(data["trials"])})


def _evidence(value: Any) -> Evidence:
    return decode_number(value) if value in ("nan", "inf", "-inf") else value


def sort_verdicts(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The most pressing first; those of a level stay in their order."""
    return tuple(sorted(verdicts, key=lambda verdict: LEVELS.index(verdict.level)))
