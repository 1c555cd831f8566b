"""The studies and trials that a request names. Reads alone; what is done to them is other files'."""

from __future__ import annotations

from sqlalchemy import Connection

from storage import queries
from tuned.core.errors import InvalidInput, NotFound
from tuned.core.names import nearest
from tuned.core.states import TrialState
from tuned.core.study import Study
from tuned.core.targets import Target, parse_target
from tuned.core.trials.trial import Trial


def resolve(conn: Connection, texts: list[str]) -> list[tuple[Study, Target, list[Trial]]]:
    """The studies and trials that the targets name.

    Raises:
        InvalidInput: A target is malformed.
        NotFound: There is no such study or trial.
    """
    if not texts:
        raise InvalidInput("no target was given", hint="name a study or a trial, such as digits/7")
    found = []
    for text in texts:
        target = parse_target(text)
        study = queries.study(conn, target.study)
        if study is None:
            raise NotFound("there is no such study", where=target.study, hint=_near(conn, target.study))
        found.append((study, target, _trials(conn, study, target, text)))
    return found


def named(conn: Connection, name: str) -> Study:
    """The study of that name.

    Raises:
        NotFound: There is none.
    """
    study = queries.study(conn, name)
    if study is None:
        raise NotFound("there is no such study", where=name, hint=_near(conn, name))
    return study


def _near(conn: Connection, name: str) -> str:
    names = [study.name for study in queries.studies(conn)]
    return nearest(name, names) if names else "submit one first"


def _trials(conn: Connection, study: Study, target: Target, text: str) -> list[Trial]:
    if target.is_study:
        return []
    if target.keyword == "best":
        trials = queries.best_trials(conn, study, 1)
    elif target.keyword is not None:
        return queries.trials(conn, study.id, states=[TrialState(target.keyword)])
    else:
        trials = queries.trials(conn, study.id, numbers=target.numbers)
    if not trials:
        raise NotFound("there is no such trial", where=text, hint=f"tunectl trials {study.name}")
    return trials
