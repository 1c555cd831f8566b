"""The tools of the MCP server: plain functions over the daemon's calls, whose answers are bounded documents.

Owns their names, parameters and bounds. It knows nothing of the protocol that they are offered by, and refuses nothing:
that is the daemon's, by the caller's caps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from tuned.client import api, api_playbook, api_steering
from tuned.client.api import Call
from tuned.client.http import Client
from tuned.client.occasions import KINDS, wait_for_any
from tuned.client.reasons import study_reasons, trial_reasons
from tuned.client.study_source import captured_environment, read_submission
from tuned.core.errors import InvalidInput
from tuned.core.targets import Target, parse_target
from tuned.core.verbs import BY_NAME, Kind
from tuned.wire import CommandSubmission, Enqueue

Document = dict[str, Any]

MOST_ROWS = 200
"""Rows of a list in one answer."""
LEAST_POINTS = 4
"""Of a thinned curve: the least and greatest of two halves."""
LONGEST_WAIT_S = 240.0
"""Many clients give a tool five minutes."""
MOST_WORDS = 2000
"""Characters of a refusal."""
MOST_TEXT = 20_000
"""Characters of output in one answer."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: its function, and the verbs whose cost it has, the dearest last."""

    function: Callable[..., Document]
    kind: Kind


def shortened(text: str) -> str:
    """A refusal in at most `MOST_WORDS` characters: it quotes what was asked, however long that is."""
    left = len(text) - MOST_WORDS
    return text if left <= 0 else f"{text[: MOST_WORDS // 2]} ... {left} characters ... {text[-MOST_WORDS // 2 :]}"


def listed(name: str, rows: Sequence[Any], total: int) -> Document:
    """A list in an answer, with how many rows are not in it."""
    return {name: list(rows), "left_out": max(0, total - len(rows))}


def cut(document: Document) -> Document:
    """A document with the first `MOST_ROWS` of each list, and how many entries that leaves out where it is any."""
    long = {name: rows for name, rows in document.items() if isinstance(rows, list) and len(rows) > MOST_ROWS}
    if not long:
        return document
    left = sum(len(rows) - MOST_ROWS for rows in long.values())
    return {**document, **{name: rows[:MOST_ROWS] for name, rows in long.items()}, "left_out": left}


class Tools:
    """The tools on one daemon, for one caller.

    Args:
        client: It names the caller.
        allowed: Kinds of verbs that are offered.
    """

    def __init__(self, client: Client, allowed: Sequence[Kind]) -> None:
        self._client = client
        self._allowed = frozenset(allowed)

    def offered(self) -> list[Tool]:
        """The tools of the allowed kinds."""
        read: list[Callable[..., Document]] = [
            self.status, self.studies, self.show, self.trials, self.best, self.metrics, self.logs, self.why, self.wait,
            self.events, self.advise, self.verdict,
        ]  # fmt: skip
        change: list[Callable[..., Document]] = [self.submit, self.enqueue, self.set, self.steer, self.confirm]
        every = [*(Tool(f, Kind.READ) for f in read), *(Tool(f, Kind.CHANGE) for f in change)]
        every += [Tool(self.stop, Kind.DESTROY), Tool(self.delete, Kind.DESTROY)]
        return [tool for tool in every if tool.kind in self._allowed]

    def _plain(self, call: Call[Any]) -> Any:
        return self._client.send(call.undecoded())

    def _tried(self, call: Call[Any], dry_run: bool) -> Any:
        if not dry_run:
            return cut(self._plain(call))
        return {**cut(self._plain(replace(call, query={**call.query, "dry_run": True}))), "dry_run": True}

    # -- read --

    def status(self) -> Document:
        """The daemon, its devices, what is running and queued, and what each caller has used of its caps."""
        found: Document = self._plain(api.status())
        return found

    def studies(self) -> Document:
        """All studies with state, counts and best trial, the latest first."""
        rows = self._plain(api.studies())
        return listed("studies", rows[::-1][:MOST_ROWS], len(rows))

    def show(self, target: str) -> Document:
        """One study with its specification (STUDY), or one trial with attempts and traceback (STUDY/7)."""
        aim = parse_target(target)
        found: Document = self._plain(api.study(aim.study) if aim.is_study else api.trial(aim.study, _one(aim, target)))
        return found

    def trials(self, study: str, filter: str = "", sort: str = "number", limit: int = 50, offset: int = 0) -> Document:
        """Trials of a study. filter: such as 'state:failed lr<1e-3'. sort: number, value (best first), metrics.NAME."""
        limit = _bounded(limit)
        rows = self._plain(api.trials(study, filter=filter or None, sort=sort, limit=limit, offset=offset))
        total = self._client.send(api.trial_numbers(study, filter=filter or None, limit=1)).total
        return listed("trials", rows, total - offset)

    def best(self, study: str, top: int = 1) -> Document:
        """The best trials. One run each: before you build on a difference, ask `verdict`."""
        return {"trials": self._plain(api.best(study, _bounded(top)))}

    def metrics(self, target: str, name: str = "", points: int = 50) -> Document:
        """Curves of trials, each thinned to about so many points."""
        rows = self._plain(api.metrics(target, name or None, max(LEAST_POINTS, _bounded(points))))
        return listed("metrics", rows[: 10 * MOST_ROWS], len(rows))

    def logs(self, trial: str, lines: int = 100) -> Document:
        """The last lines of a trial's output (STUDY/7)."""
        aim = parse_target(trial)
        chunk = self._client.send(api.log(aim.study, _one(aim, trial), offset=-MOST_TEXT, limit=MOST_TEXT))
        text = "".join(chunk.text.splitlines(keepends=True)[-_bounded(lines) :])
        left = max(0, chunk.next_offset - len(text.encode()))
        return {"text": text, "left_out_bytes": left, "ended": chunk.ended, "note": chunk.note}

    def why(self, target: str) -> Document:
        """Why a study or trial waits, runs, was stopped or failed: codes, evidence and the command that comes next."""
        aim = parse_target(target)
        daemon, queue = self._client.send(api.status()), self._client.send(api.queue())
        row = self._client.send(api.study(aim.study)).study
        if aim.is_study:
            reasons = study_reasons(row, queue, daemon)
        else:
            reasons = trial_reasons(self._client.send(api.trial(aim.study, _one(aim, target))), row, queue, daemon)
        return {"target": target, "reasons": [asdict(reason) for reason in reasons]}

    def wait(
        self,
        until: str = ",".join(KINDS),
        studies: Sequence[str] = (),
        since: int | None = None,
        timeout_s: float = 60.0,
    ) -> Document:
        """Return at the first thing worth a look: best, failed, done or idle. Hand `seq` on as `since`; do not poll."""
        kinds = [word.strip() for word in until.split(",")]
        unknown = [word for word in kinds if word not in KINDS]
        if unknown:
            raise InvalidInput(f"{unknown[0]!r} is no occasion", where="until", hint=",".join(KINDS))
        end = monotonic() + min(max(timeout_s, 0.0), LONGEST_WAIT_S)
        return asdict(wait_for_any(self._client, kinds, list(studies), since, end))

    def events(self, study: str = "", after: int = 0, limit: int = 50) -> Document:
        """Events, oldest first; `after` 0: the latest ones. `caller` says which program asked for it."""
        latest = after == 0
        rows = self._plain(api.events_list(study or None, None if latest else after, _bounded(limit), latest))
        return {"events": rows}

    def advise(self, study: str) -> Document:
        """Verdicts on a study with evidence, remedy and command: bounds, curves, sampling, noise."""
        verdicts = self._plain(api.analysis(study, "advise"))["verdicts"]
        return listed("verdicts", verdicts[:MOST_ROWS], len(verdicts))

    def verdict(self, baseline: str, candidate: str) -> Document:
        """Whether CANDIDATE is better than BASELINE: adopt, reject or undecided, with an interval over all runs."""
        one, two = parse_target(baseline), parse_target(candidate)
        names = (("baseline", one, baseline), ("candidate", two, candidate))
        options = {name: str(_one(aim, text)) for name, aim, text in names if aim.numbers}
        others = [] if one.study == two.study else [two.study]
        found: Document = self._plain(api.analysis(one.study, "pair", options, others))["figures"]
        return found

    # -- change --

    def submit(
        self, file: str = "", command: Sequence[str] = (), cwd: str = "", name: str = "", dry_run: bool = False
    ) -> Document:
        """Submit a study file, by absolute path; or queue one plain command that runs in `cwd`."""
        if bool(file) == bool(command):
            raise InvalidInput("name a study file, or a command", where="file")
        path = Path(file or cwd)
        if not path.is_absolute():
            raise InvalidInput("write an absolute path", where="file" if file else "cwd")
        if file:
            submission = read_submission(file, name=name or None)
            found: Document = self._tried(api.submit(submission), dry_run)
            return found
        queued = CommandSubmission(list(command), cwd, captured_environment(), name or None)
        answer: Document = self._tried(api.submit_command(queued), dry_run)
        return answer

    def enqueue(
        self,
        study: str,
        points: Sequence[dict[str, Any]] = (),
        like: str = "",
        seeds: int = 1,
        priority: int = 0,
        dry_run: bool = False,
    ) -> Document:
        """Queue points of your own; what a point leaves out is suggested, or as in `like` (STUDY/7)."""
        request = Enqueue([dict(point) for point in points], priority, like or None, seeds)
        found: Document = self._tried(api.enqueue(study, request), dry_run)
        return found

    def set(self, study: str, values: dict[str, Any], dry_run: bool = False) -> Document:
        """Change a study while it runs: {"search.trials": "+20", "search.parallel": 1}."""
        found: Document = self._tried(api_steering.set_(study, values), dry_run)
        return found

    def steer(self, verb: str, targets: Sequence[str], dry_run: bool = False) -> Document:
        """pause, resume, retry or next. Targets: STUDY, STUDY/7, STUDY/3-7, STUDY/running."""
        return self._act(verb, targets, dry_run, Kind.CHANGE)

    def confirm(
        self, study: str, top: int = 3, seeds: int = 5, against: int | None = None, dry_run: bool = False
    ) -> Document:
        """Repeat the best trials with new seeds beside a baseline; then wait, and ask `verdict`."""
        options = {"top": top, "seeds": seeds, "against": against}
        found: Document = self._tried(api_playbook.take_step(study, "confirm", options), dry_run)
        return found

    # -- destroy --

    def stop(self, verb: str, targets: Sequence[str], dry_run: bool = False) -> Document:
        """Cancel (leave out of the search), prune (keep the result so far) or kill (at once)."""
        return self._act(verb, targets, dry_run, Kind.DESTROY)

    def delete(self, study: str, dry_run: bool = False) -> Document:
        """Delete an ended or paused study with its trials and their files, for good."""
        found: Document = self._tried(api.delete(study), dry_run)
        return found

    def _act(self, verb: str, targets: Sequence[str], dry_run: bool, kind: Kind) -> Document:
        known = [v.name for v in BY_NAME.values() if v.done and v.kind is kind]
        if verb not in known:
            raise InvalidInput(f"{verb!r} is none of these verbs", where="verb", hint=", ".join(known))
        call: Call[Any] = api_steering.pause(targets) if verb == "pause" else api.act(verb, targets)
        found: Document = self._tried(call, dry_run)
        return found


def _bounded(count: int) -> int:
    return max(1, min(count, MOST_ROWS))


def _one(aim: Target, text: str) -> int:
    numbers = {number for ends in aim.numbers for number in ends}
    if len(numbers) != 1:
        raise InvalidInput("names no single trial", where=text, hint="write STUDY/7")
    return numbers.pop()
