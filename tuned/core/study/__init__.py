"""A study: the specification that a submission fixes and the study as it stands.

Owns the shapes and their JSON form. Reading and checking a study file is `tuned.core.study_file.parse`'s work.
"""

from __future__ import annotations

from tuned.core.study.goals import Constraint, Direction, MetricFile, Objective, Pattern, sign_of
from tuned.core.study.running import Argument, ConfigFile, Resume, RunSpec, Spelling
from tuned.core.study.searching import EarlyStopping, SearchMethod, SearchPhase, SearchSpec
from tuned.core.study.specification import StudySpec
from tuned.core.study.standing import SEARCH, Best, Study
