"""Analyses on request: data out of the database, the analysis out of its own process, answers kept while they hold.

Owns the process, the time limit and the cache. It knows no kind of analysis.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage import queries
from storage.engine import Database
from tuned.core.errors import InvalidInput, NotFound, Unavailable
from tuned.core.study import Study
from tuned.core.trials.trial import Trial
from tuned.daemon import clock
from tuned.daemon.analyses.study_data import study_header, trial_lines
from tuned.daemon.cards.uses import ledger
from tuned.daemon.machine.slots import Slots
from tuned.daemon.search.advisor_process import AdvisorFailed, AdvisorProcess

MODULE = "tuned.advisor.analyses"
IDLE_S = 300.0
ANSWER_S = 240.0
"""An analysis that takes longer hangs: its process is ended, and the next request starts another."""
KEPT = 32
"""Answers that are kept as long as nothing happens in their studies."""
LARGEST_KEPT = 2**20
"""Characters of an answer's texts; larger ones (reports) are made anew."""

AT_ONCE = 10
"""Trials that are read and sent together."""
END = b"null\n"
"""The line behind a study's last trial."""

Answer = dict[str, Any]


class Analysing:
    """Answers analyses, one at a time."""

    def __init__(self, database: Database, slots: Slots, log_path: Path) -> None:
        self._database = database
        self._slots = slots
        self._process = AdvisorProcess(log_path, MODULE, "the analysis", IDLE_S)
        self._answers: OrderedDict[object, Answer] = OrderedDict()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid

    async def analyse(self, kind: str, name: str, options: Mapping[str, str], others: Sequence[str] = ()) -> Answer:
        """An analysis of a study as it is now.

        Raises:
            NotFound: There is no such study.
            InvalidInput: There is no such kind or option, or it does not fit this study.
            Unavailable: It failed, or took too long.
        """
        names = (name, *others)
        key = (kind, names, tuple(sorted(options.items())), await self._database.ask(lambda conn: _marks(conn, names)))
        if key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key]
        async with await self._process.exclusive():
            request = {"kind": kind, "studies": len(names), "options": dict(options)}
            try:
                reply = await self._process.ask(request, ANSWER_S, self._lines(names))
            except AdvisorFailed as error:
                if error.refusal is not None:
                    raise InvalidInput(**error.refusal) from None
                raise Unavailable(f"{kind}: {error.what}", where=name, hint="see: tunectl daemon logs") from error
        answer: Answer = reply["result"]
        self._keep(key, answer)
        return answer

    async def _lines(self, names: Sequence[str]) -> AsyncIterator[bytes]:
        """The studies, a few trials at a time, so that a large one never lies in memory whole."""
        slots = len(self._slots.default_slots)
        for name in names:
            study, trials, used = await self._database.ask(partial(_begin, name=name))
            until, cards = study.ended_at or clock.now(), list(self._slots.gpus)
            account = partial(ledger, cards=cards, since=study.created_at, until=until)
            yield study_header(study, slots, await self._database.ask(account) if cards else ())
            for i in range(0, len(trials), AT_ONCE):
                some = trials[i : i + AT_ONCE]
                yield await self._database.ask(
                    partial(trial_lines, trials=some, used=used, located=self._database.located)
                )
            yield END

    def _keep(self, key: object, answer: Answer) -> None:
        if sum(map(len, answer["files"].values())) > LARGEST_KEPT:
            return
        self._answers[key] = answer
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)

    async def end_idle(self) -> None:
        """End the process when nobody has asked for long."""
        await self._process.end_idle()

    async def close(self) -> None:
        """End the process."""
        await self._process.stop()


def _begin(conn: Connection, name: str) -> tuple[Study, list[Trial], dict[int, queries.Usage]]:
    study = _find(conn, name)
    return study, queries.trials(conn, study.id), queries.usage(conn, study.id)


def _find(conn: Connection, name: str) -> Study:
    study = queries.study(conn, name)
    if study is None:
        raise NotFound("there is no such study", where=name, hint="see: tunectl studies")
    return study


def _marks(conn: Connection, names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """For each study its identity and its latest event: reports, moves and edits all leave one."""
    found = []
    for name in names:
        study = _find(conn, name)
        latest = queries.latest_events(conn, 1, study=name)
        found.append((study.id, latest[-1].seq if latest else 0))
    return tuple(found)
