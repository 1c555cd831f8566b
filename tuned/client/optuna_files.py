"""Studies of Optuna, read from its files without Optuna: the tables of its SQLite store, and its journal.

Owns these two formats, as far as ended trials are concerned. Files are opened for reading alone.
"""

from __future__ import annotations

import json
import math
import shlex
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuned.client.imported import Found, ended
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.names import nearest
from tuned.protocol import decode_number

STATES = {"COMPLETE": "completed", "PRUNED": "pruned", "FAIL": "failed"}
_BY_NUMBER = {1: "COMPLETE", 2: "PRUNED", 3: "FAIL"}
"""Of the journal; other trials have not ended."""
_DIRECTIONS = {1: "minimize", 2: "maximize", "MINIMIZE": "minimize", "MAXIMIZE": "maximize"}
_MAGIC = b"SQLite format 3\0"


@dataclass
class _Trial:
    state: str = ""
    params: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Name -> its value as Optuna stores it, and its distribution as JSON."""
    values: list[float] = field(default_factory=list)
    curve: dict[float, float] = field(default_factory=dict)
    began: float | None = None
    ended: float | None = None


@dataclass
class _Study:
    name: str
    directions: list[str]
    trials: dict[int, _Trial] = field(default_factory=dict)
    question: str = ""


def read_optuna(path: Path, study: str | None, metrics: Sequence[str] = ()) -> Found:
    """A study out of an Optuna file of either kind.

    Args:
        path: The file.
        study: Its name; None: the only one.
        metrics: Names for its values, which have none there; default: `value`, or `value_1` and so on.

    Raises:
        InvalidInput: It is no such file, it has no such study, or several and none was named.
    """
    try:
        with path.open("rb") as file:
            is_database = file.read(len(_MAGIC)) == _MAGIC
        studies = list(_from_database(path, study) if is_database else _from_journal(path))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    except sqlite3.OperationalError as error:
        old = "no such column" in str(error)
        what = "is a store of an Optuna before 3.0" if old else f"cannot be read: {error}"
        hint = f"optuna storage upgrade --storage sqlite:///{path}" if old else ""
        raise InvalidInput(what, where=str(path), hint=hint) from None
    except (sqlite3.Error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InvalidInput(f"is no file of Optuna's: {error}", where=str(path)) from None
    return _found(_chosen(studies, study, path), path, metrics)


def _chosen(studies: Sequence[_Study], name: str | None, path: Path) -> _Study:
    names = [study.name for study in studies]
    if name is None and len(studies) == 1:
        return studies[0]
    if not studies:
        raise InvalidInput("holds no study", where=str(path))
    if name is None:
        first, *others = map(shlex.quote, names[:8])
        raise InvalidInput("holds several studies", where=str(path), hint=f"--study {first} (or: {', '.join(others)})")
    found = next((study for study in studies if study.name == name), None)
    if found is None:
        raise InvalidInput(f"holds no study {name!r}", where=str(path), hint=nearest(name, names))
    return found


def _found(study: _Study, path: Path, given: Sequence[str]) -> Found:
    count = len(study.directions)
    default = ["value"] if count == 1 else [f"value_{i}" for i in range(1, count + 1)]
    metrics = list(given) or default
    if len(metrics) != count:
        told = words.does(len(metrics), "name", "was given", "were given")
        raise InvalidInput(
            f"it has {words.count(count, 'objective')}, and {told}", where="--metric", hint="--metric once for each"
        )
    entries: dict[str, dict[str, Any]] = {}
    trials = []
    for trial in study.trials.values():
        if trial.state not in STATES:
            continue
        params = {}
        for name, (value, distribution) in trial.params.items():
            entry, params[name] = _read(value, json.loads(distribution))
            entries[name] = _wider(entries.get(name), entry)
        values = dict(zip(metrics, trial.values, strict=False))
        curve = sorted(trial.curve.items()) if count == 1 else []
        if not values and curve and trial.state == "PRUNED":
            values = {metrics[0]: curve[-1][1]}
        trials.append(ended(params, STATES[trial.state], values, curve, (trial.began, trial.ended)))
    objectives = list(zip(metrics, study.directions, strict=True))
    left = len(study.trials) - len(trials)
    space = {name: _settled(entry) for name, entry in entries.items()}
    return Found(study.name, f"{path.name} (Optuna)", objectives, space, trials, left, study.question)


def _read(value: float, distribution: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """The parameter as a study file has it, and the value."""
    kind, of = distribution["name"], distribution["attributes"]
    if kind == "CategoricalDistribution":
        choices = [c if isinstance(c, bool | int | float | str) else json.dumps(c) for c in of["choices"]]
        if len(choices) == 1:
            return {"type": "fixed", "value": choices[0]}, choices[0]
        if sorted(map(str, choices)) == ["False", "True"] and all(isinstance(c, bool) for c in choices):
            return {"type": "bool"}, choices[int(value)]
        return {"type": "choice", "values": choices}, choices[int(value)]
    whole = kind.startswith("Int")
    log = bool(of.get("log")) or "Log" in kind
    number: Any = round(value) if whole else float(value)
    return {"type": "int" if whole else "float", "low": of["low"], "high": of["high"], "log": log}, number


def _wider(known: dict[str, Any] | None, entry: dict[str, Any]) -> dict[str, Any]:
    """A parameter whose distribution changed over the study spans all of them."""
    if known is None or known["type"] != entry["type"] or "low" not in entry:
        return known or entry
    return {**entry, "low": min(known["low"], entry["low"]), "high": max(known["high"], entry["high"])}


def _settled(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of all trials; a range that never was more than one value is that value."""
    one = "low" in entry and entry["low"] == entry["high"]
    return {"type": "fixed", "value": entry["low"]} if one else entry


def _from_database(path: Path, wanted: str | None) -> Iterator[_Study]:
    """The studies of a store; of several only the wanted one has its trials."""
    conn = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
    try:
        named = conn.execute("SELECT study_id, study_name FROM studies ORDER BY study_id").fetchall()
        for study_id, name in named:
            query = "SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective"
            study = _Study(name, [_DIRECTIONS[row[0]] for row in conn.execute(query, (study_id,))])
            if len(named) > 1 and name != wanted:
                yield study
                continue
            query = """SELECT trial_id, state, datetime_start, datetime_complete FROM trials
                WHERE study_id = ? ORDER BY number"""
            for row_id, state, began, over in conn.execute(query, (study_id,)):
                study.trials[row_id] = _Trial(state, began=_seconds(began), ended=_seconds(over))
            _fill(conn, study_id, study.trials)
            query = "SELECT value_json FROM study_user_attributes WHERE study_id = ? AND key = 'question'"
            for (text,) in conn.execute(query, (study_id,)):
                study.question = str(json.loads(text))
            yield study
    finally:
        conn.close()


def _fill(conn: sqlite3.Connection, study_id: int, trials: Mapping[int, _Trial]) -> None:
    mine = "WHERE trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)"
    query = f"SELECT trial_id, param_name, param_value, distribution_json FROM trial_params {mine} ORDER BY param_id"
    for row_id, name, value, distribution in conn.execute(query, (study_id,)):
        trials[row_id].params[name] = (value, distribution)
    query = f"SELECT trial_id, value, value_type FROM trial_values {mine} ORDER BY objective"
    for row_id, value, kind in conn.execute(query, (study_id,)):
        trials[row_id].values.append(_number(value, kind))
    query = f"SELECT trial_id, step, intermediate_value, intermediate_value_type FROM trial_intermediate_values {mine}"
    for row_id, step, value, kind in conn.execute(query, (study_id,)):
        trials[row_id].curve[float(step)] = _number(value, kind)


def _number(value: float | None, kind: str) -> float:
    return {"INF_POS": math.inf, "INF_NEG": -math.inf}.get(kind, math.nan if value is None else float(value))


def _seconds(text: str | None) -> float | None:
    """Unix seconds of a moment; one without a zone, as stores and old journals have it, is by the local clock."""
    return None if not text else datetime.fromisoformat(text).timestamp()


def _from_journal(path: Path) -> Iterator[_Study]:
    journal = _Journal()
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                if number > 1 and not line.endswith("\n"):
                    break  # a study that runs is writing it
                raise
            if not isinstance(entry, dict) or "op_code" not in entry:
                raise ValueError(f"line {number} is no operation")
            journal.replay(entry)
    return (study for study in journal.studies if study is not None)


class _Journal:
    """The operations of a journal, replayed as Optuna does it: those that it refuses are written, and mean nothing."""

    def __init__(self) -> None:
        self.studies: list[_Study | None] = []
        self._trials: list[_Trial] = []

    def replay(self, entry: Mapping[str, Any]) -> None:
        """Take in the next one."""
        code = entry["op_code"]
        if code == 0:
            self._create_study(entry)
        elif code == 1:
            self.studies[entry["study_id"]] = None
        elif code == 2 and (study := self.studies[entry["study_id"]]) is not None:
            study.question = str(entry["user_attr"].get("question", study.question))
        elif code == 4 and (study := self.studies[entry["study_id"]]) is not None:
            study.trials[len(self._trials)] = trial = _created(entry)
            self._trials.append(trial)
        elif code in (5, 6, 7):
            trial = self._trials[entry["trial_id"]]
            if not trial.state:
                _changed(trial, entry)

    def _create_study(self, entry: Mapping[str, Any]) -> None:
        # Each run of a script with `load_if_exists=True` asks for it anew; no number is used up.
        if all(study is None or study.name != entry["study_name"] for study in self.studies):
            self.studies.append(_Study(entry["study_name"], [_DIRECTIONS[d] for d in entry["directions"]]))


def _changed(trial: _Trial, entry: Mapping[str, Any]) -> None:
    """An operation on a trial that has not ended."""
    code = entry["op_code"]
    if code == 5:
        trial.params[entry["param_name"]] = (entry["param_value_internal"], entry["distribution"])
    elif code == 6:
        _set_state(trial, entry)
    else:
        trial.curve[float(entry["step"])] = decode_number(entry["intermediate_value"])


def _created(entry: Mapping[str, Any]) -> _Trial:
    """A trial that begins; or a whole one, that was added with its end."""
    trial = _Trial()
    distributions = entry.get("distributions") or {}
    trial.params = {name: (value, distributions[name]) for name, value in (entry.get("params") or {}).items()}
    curve = entry.get("intermediate_values") or {}
    trial.curve = {float(step): decode_number(value) for step, value in curve.items()}
    _set_state(trial, entry)
    return trial


def _set_state(trial: _Trial, entry: Mapping[str, Any]) -> None:
    if "state" in entry:
        trial.state = _BY_NUMBER.get(entry["state"], "")
    values = entry.get("values")
    if values is None and entry.get("value") is not None:
        values = [entry["value"]]
    if values is not None:
        trial.values = [decode_number(value) for value in values]
    trial.began = _seconds(entry.get("datetime_start")) or trial.began
    trial.ended = _seconds(entry.get("datetime_complete")) or trial.ended
