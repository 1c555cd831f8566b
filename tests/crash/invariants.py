"""The seven invariants of "nothing is lost", checked from outside on a state folder that is in use or at rest.

Owns what must hold. It reads the database file, the run directories, `/proc` and the trials' own journal, and uses none
of the product's code to understand them, so that the two can contradict each other:

1. at most one live process and one start an attempt, and never two attempts of one trial at a time
2. every run directory has a row, every row that began its directory
3. the stored observations are those of the metrics file up to the stored offset; at rest that is its whole
4. the row of an ended trial never changes
5. budgets are never exceeded, slots never held twice
6. event numbers strictly rise, none is lost, and replaying them gives the states of the rows
7. no process is left of an attempt that has ended
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.crash import processes
from tests.patience import DEADLINE_S

TERMINAL = {"completed", "failed", "pruned", "cancelled", "lost"}
LIVE = {"starting", "running"}
OWN_POINTS = {"user", "retry"}

Row = dict[str, Any]


class Broken(AssertionError):
    """Some invariants do not hold; the message lists how."""


class Invariants:
    """Checks one state folder again and again; what it has seen it holds the daemon to.

    Args:
        home: The state folder.
        journal: File to which the trials' script appends `begin ATTEMPT_ID` and, when it sees another attempt of its
            trial alive, `overlap ATTEMPT_ID`.

    Attributes:
        home: The state folder, which may be moved between two checks.
        checked: What was compared so far, by invariant.
    """

    def __init__(self, home: Path, journal: Path | None = None) -> None:
        self.home = home
        self._journal = journal
        self._ended: dict[int, Row] = {}
        self._seq = 0
        self._count = 0
        self._states: dict[tuple[str, int], str] = {}
        self._study_states: dict[str, str] = {}
        self._deleted: set[str] = set()
        self._replaced: set[tuple[str, int]] = set()
        self._parsed: dict[str, tuple[int, Any]] = {}
        self._journal_read = 0
        self._begun: Counter[str] = Counter()
        self._overlaps: list[str] = []
        self.checked: Counter[str] = Counter()

    def check(self, *, at_rest: bool = False) -> None:
        """Check what can be checked now.

        Args:
            at_rest: No trial is live and the daemon has taken everything in.

        Raises:
            Broken: Something does not hold.
        """
        problems = list(self._problems(at_rest))
        if problems:
            raise Broken(f"{len(problems)} broken:\n" + "\n".join(problems[:20]))

    def _problems(self, at_rest: bool) -> Iterator[str]:
        before = set(self._directories())
        with sqlite3.connect(f"file:{self.home / 'tuned.db'}?mode=ro", uri=True) as conn:
            conn.row_factory = sqlite3.Row
            conn.execute("BEGIN")
            trials = _rows(conn, "SELECT t.*, s.name AS study FROM trials t JOIN studies s ON s.id = t.study_id")
            attempts = _rows(
                conn,
                "SELECT a.*, s.name AS study, t.number, t.state FROM attempts a JOIN trials t ON t.id = a.trial_id"
                " JOIN studies s ON s.id = t.study_id",
            )
            studies = _rows(conn, "SELECT s.*, p.spec FROM studies s JOIN study_specs p ON p.study_id = s.id")
            yield from self._events(conn, trials, studies)
            yield from self._observations(conn, attempts, at_rest)
        conn.close()
        yield from self._ended_rows(trials)
        yield from self._directories_and_rows(before, attempts)
        yield from self._budgets(trials, studies)
        yield from self._starts(attempts)
        yield from self._processes(attempts, at_rest)
        if at_rest:
            yield from (f"{t['study']}/{t['number']} is {t['state']} at rest" for t in trials if t["state"] in LIVE)

    # 1 ------------------------------------------------------------------------------------------------------------
    def _starts(self, attempts: list[Row]) -> Iterator[str]:
        for attempt in attempts:
            folder = self.home / attempt["run_dir"]
            start = _record(folder / "start.json")
            self.checked["1 starts"] += 1
            if start is not None and start.get("attempt_id") != attempt["attempt_id"]:
                yield f"1: {folder} was started as {start.get('attempt_id')}"
            if attempt["ended_by"] == "unclaim" and start is not None:
                yield f"1: {folder} was started although it was given back"
        self._read_journal()
        yield from (f"1: attempt {name} began {times} times" for name, times in self._begun.items() if times > 1)
        yield from (f"1: overlap {words}" for words in self._overlaps)
        unclaimed = {a["attempt_id"] for a in attempts if a["ended_by"] == "unclaim"}
        yield from (f"1: attempt {name} ran although it was given back" for name in unclaimed & self._begun.keys())

    def _read_journal(self) -> None:
        """Take in the lines since the last check: after 100,000 trials the whole would be read for minutes."""
        if self._journal is None or not self._journal.exists():
            return
        with self._journal.open("rb") as file:
            file.seek(self._journal_read)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._journal_read += len(whole)
        for line in whole.decode().splitlines():
            word, _, rest = line.partition(" ")
            if word == "begin":
                self._begun[rest.split()[0]] += 1
            elif word == "overlap":
                self._overlaps.append(rest)

    # 2 ------------------------------------------------------------------------------------------------------------
    def _directories(self) -> Iterator[Path]:
        for study in (self.home / "runs").iterdir():
            if study.name.startswith("."):
                continue
            for number in study.iterdir():
                if number.is_dir() and not number.name.startswith("."):
                    yield from (path for path in number.iterdir() if path.name.isdigit())

    def _directories_and_rows(self, before: set[Path], attempts: list[Row]) -> Iterator[str]:
        known = {self.home / attempt["run_dir"] for attempt in attempts}
        for folder in before - known:
            # A study that was deleted in between took its folder along.
            if folder.exists():
                yield f"2: {folder} has no row"
        present = set(self._directories())
        for attempt in attempts:
            self.checked["2 directories"] += 1
            folder = self.home / attempt["run_dir"]
            if folder in present or not (self.home / "runs" / attempt["study"]).exists():
                continue
            if attempt["started_at"] is not None or attempt["ended_by"] not in ("", "unclaim", *_BY_INTENT):
                yield f"2: {folder} is gone, of an attempt that ended by {attempt['ended_by']!r}"

    # 3 ------------------------------------------------------------------------------------------------------------
    def _observations(self, conn: sqlite3.Connection, attempts: list[Row], at_rest: bool) -> Iterator[str]:
        for attempt in attempts:
            key, sign = attempt["attempt_id"], (attempt["ingest_offset"], attempt["ended_at"])
            if self._parsed.get(key) == sign and attempt["ended_at"] is not None and not at_rest:
                continue
            path = self.home / attempt["run_dir"] / "metrics.jsonl"
            if not path.exists():
                if attempt["ingest_offset"]:
                    yield f"3: {path} is gone"
                continue
            data = path.read_bytes()
            offset = attempt["ingest_offset"]
            settled = at_rest or attempt["ended_at"] is not None
            # The last line of an ended attempt needs no newline.
            whole = len(data) if settled and data[data.rfind(b"\n") + 1 :].strip(b" \t\r\0") else data.rfind(b"\n") + 1
            where = f"{attempt['study']}/{attempt['number']}/{attempt['attempt']}"
            if (attempt["study"], attempt["number"]) in self._replaced:
                continue  # the file is another than what was taken in, and an event says so
            if offset > whole or (settled and offset != whole and attempt["ended_by"] != "unclaim"):
                yield f"3: {where}: {offset} bytes are taken in of {whole} whole ones"
                continue
            stored = {
                (name, step): math.nan if value is None else value
                for name, step, value in conn.execute(
                    "SELECT name, step, value FROM observations WHERE trial_id = ? AND attempt = ?"
                    " AND name NOT LIKE 'gpu/%'",
                    (attempt["trial_id"], attempt["attempt"]),
                )
            }
            written, bad = parse(data[:offset])
            self.checked["3 observations"] += len(written)
            if not _same(stored, written):
                yield f"3: {where}: {len(stored)} stored, {len(written)} written; {_difference(stored, written)}"
            if attempt["bad_lines"] != bad:
                yield f"3: {where}: {attempt['bad_lines']} bad lines counted, {bad} written"
            self._parsed[key] = sign

    # 4 ------------------------------------------------------------------------------------------------------------
    def _ended_rows(self, trials: list[Row]) -> Iterator[str]:
        now = {trial["id"]: trial for trial in trials}
        for trial_id, seen in list(self._ended.items()):
            self.checked["4 ended rows"] += 1
            if trial_id not in now:
                if seen["study"] not in self._deleted:
                    yield f"4: {seen['study']}/{seen['number']} has vanished"
                del self._ended[trial_id]
            elif now[trial_id] != seen:
                changed = {k: (v, now[trial_id][k]) for k, v in seen.items() if now[trial_id][k] != v}
                yield f"4: {seen['study']}/{seen['number']} has changed: {changed}"
        self._ended |= {trial["id"]: trial for trial in trials if trial["state"] in TERMINAL}

    # 5 ------------------------------------------------------------------------------------------------------------
    def _budgets(self, trials: list[Row], studies: list[Row]) -> Iterator[str]:
        held = Counter(trial["device"] for trial in trials if trial["state"] in LIVE)
        yield from (f"5: slot {slot} is held {times} times" for slot, times in held.items() if times > 1)
        for study in studies:
            self.checked["5 budgets"] += 1
            wanted = json.loads(study["spec"])["search"].get("trials")
            if wanted is None:
                continue
            own = [t for t in trials if t["study_id"] == study["id"] and t["stage"] == "search"]
            counted = [t for t in own if t["state"] not in ("cancelled", "lost")]
            suggested = sum(trial["origin"] not in OWN_POINTS for trial in counted)
            if suggested > wanted:
                yield f"5: {study['name']} has {suggested} suggested trials of {wanted}"
            points = sum(trial["retry_of"] is None for trial in counted)  # a point that is run again is one point
            if study["state"] == "completed" and study["reason"] == "all trials are done" and points < wanted:
                yield f"5: {study['name']} is done with {points} points of {wanted}"

    # 6 ------------------------------------------------------------------------------------------------------------
    def _events(self, conn: sqlite3.Connection, trials: list[Row], studies: list[Row]) -> Iterator[str]:
        (count,) = conn.execute("SELECT count(*) FROM events WHERE seq <= ?", (self._seq,)).fetchone()
        if count != self._count:
            yield f"6: of {self._count} events up to {self._seq} there are {count}"
        for event in conn.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq", (self._seq,)):
            if event["seq"] <= self._seq:
                yield f"6: event {event['seq']} comes after {self._seq}"
            self._seq, self._count = event["seq"], self._count + 1
            self.checked["6 events"] += 1
            yield from self._replay(event["type"], event["study"], event["number"], json.loads(event["data"]))
        rows = {(trial["study"], trial["number"]): trial["state"] for trial in trials}
        if rows != self._states:
            wrong = {k for k in rows.keys() | self._states.keys() if rows.get(k) != self._states.get(k)}
            shown = [(k, rows.get(k), self._states.get(k)) for k in sorted(wrong)][:5]
            yield f"6: rows and replayed events differ: {shown}"
        of_studies = {study["name"]: study["state"] for study in studies}
        if of_studies != self._study_states:
            yield f"6: studies and replayed events differ: {of_studies} {self._study_states}"

    def _replay(self, kind: str, study: str, number: int, data: Row) -> Iterator[str]:
        key = (study, number)
        if kind == "study.deleted" and "renamed" in data:
            self._study_states[data["renamed"]] = self._study_states.pop(study)
            self._states = {(data["renamed"] if k[0] == study else k[0], k[1]): v for k, v in self._states.items()}
        elif kind == "study.submitted":  # or it has this name from now on
            self._study_states.setdefault(study, "running")
        elif kind == "study.moved":
            if self._study_states.get(study) != data["from"]:
                yield f"6: {study} moved from {data['from']} while {self._study_states.get(study)}"
            self._study_states[study] = data["to"]
        elif kind == "study.deleted":
            self._study_states.pop(study, None)
            self._deleted.add(study)
            for gone in [k for k in self._states if k[0] == study]:
                del self._states[gone]
        elif kind == "trial.metrics" and "note" in data:
            self._replaced.add(key)
        elif kind == "trial.queued":
            if key in self._states:
                yield f"6: {study}/{number} was queued twice"
            self._states[key] = "queued"
        elif kind == "trial.moved":
            if self._states.get(key) != data["from"]:
                yield f"6: {study}/{number} moved from {data['from']} while {self._states.get(key)}"
            if data["from"] in TERMINAL:
                yield f"4: {study}/{number} left {data['from']}"
            self._states[key] = data["to"]

    # 7 and 1 ------------------------------------------------------------------------------------------------------
    def _processes(self, attempts: list[Row], at_rest: bool) -> Iterator[str]:
        over = {self.home / attempt["run_dir"] for attempt in attempts if attempt["ended_at"] is not None}
        deadline = time.monotonic() + DEADLINE_S  # a supervisor that has written the end is soon gone
        while True:
            found = [p for p in processes.of_home(self.home) if p.run_dir is not None]
            stray = [p for p in found if (at_rest or p.run_dir in over) and p.alive]
            twice = _several_supervisors(found)
            if not (stray or twice) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        self.checked["7 processes"] += len(over)
        yield from (f"7: {p.kind} {p.pid} is left of {p.run_dir}" for p in stray)
        yield from (f"1: {len(several)} supervisors of {trial}: {several}" for trial, several in twice.items())


def _several_supervisors(found: list[processes.Process]) -> dict[Path, list[processes.Process]]:
    """Trials that have more than one. Look twice: for the moment after its fork a trial looks like its supervisor."""
    supervisors: dict[Path, list[processes.Process]] = {}
    for process in found:
        if process.kind == "supervisor" and process.run_dir is not None and process.alive:
            supervisors.setdefault(process.run_dir.parent, []).append(process)
    return {trial: several for trial, several in supervisors.items() if len(several) > 1}


_BY_INTENT = ("exit_cancelled", "exit_pruned", "exit_paused", "exit_error")
"""How an attempt can end that was asked to before it had a directory."""


def parse(data: bytes) -> tuple[dict[tuple[str, float], float], int]:
    """What a metrics file says: (name, step) -> value, and how many lines or values are bad."""
    found: dict[tuple[str, float], float] = {}
    following: dict[str, int] = {}
    bad = 0
    for line in data.split(b"\n"):
        text = line.strip(b" \t\r\0")
        if not text:
            continue
        try:
            record = json.loads(text)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            bad += 1
            continue
        if len(record) == 1 and next(iter(record)) in ("sdk", "stop_seen", "checkpoint", "_mark"):
            continue
        step, at_time = record.pop("step", None), record.pop("_time", None)
        try:
            step = None if step is None else _number(step)
            if step is not None and not math.isfinite(step):
                raise ValueError(step)
        except (TypeError, ValueError, OverflowError):
            bad += 1
            continue
        odd = step is not None and abs(step) >= 2**53
        step = None if odd else step
        try:
            at_time = None if at_time is None else _number(at_time)
        except (TypeError, ValueError, OverflowError):
            odd = True
        bad += odd
        for name, value in record.items():
            try:
                number = _number(value)
            except (TypeError, ValueError, OverflowError):
                bad += 1
                continue
            at = float(following.get(name, 0) if step is None else step)
            following[name] = max(following.get(name, 0), int(at) + 1)
            found[name, at] = number
    return found, bad


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    return float(value)


def _same(a: dict[tuple[str, float], float], b: dict[tuple[str, float], float]) -> bool:
    return a.keys() == b.keys() and all(v == b[k] or (v != v and b[k] != b[k]) for k, v in a.items())


def _difference(a: dict[tuple[str, float], float], b: dict[tuple[str, float], float]) -> str:
    differing = [k for k in a.keys() | b.keys() if str(a.get(k)) != str(b.get(k))]
    return f"{len(differing)} differ, such as {[(k, a.get(k), b.get(k)) for k in sorted(differing)[:3]]}"


def _rows(conn: sqlite3.Connection, sql: str) -> list[Row]:
    return [dict(row) for row in conn.execute(sql)]


def _record(path: Path) -> Row | None:
    try:
        found: Row = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found
