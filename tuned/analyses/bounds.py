"""The remark on an analysis of a study in which every result breaks a constraint."""

from __future__ import annotations

from dataclasses import replace

from tuned.analyses.answer import Answer
from tuned.analyses.study_data import StudyData
from tuned.core import feasibility
from tuned.core.errors import InvalidInput
from tuned.core.states import STUDY_ENDED


def with_bounds(answer: Answer, study: StudyData) -> Answer:
    """The answer, and in front of its remarks that no trial keeps the constraints, with the closest one."""
    sentence = feasibility.none_keeps(study.searched, study.spec.constraints)
    return replace(answer, notes=(f"{sentence}.", *answer.notes)) if sentence else answer


def no_result(study: StudyData) -> InvalidInput:
    """The refusal of an analysis that finds no trial to look at: none has a result, or all break a constraint."""
    return feasibility.no_result(study.name, study.searched, study.spec.constraints, ended=study.state in STUDY_ENDED)
