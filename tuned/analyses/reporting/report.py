"""`report`: everything there is to say on a study, as one page, and its tables for a paper.

Owns what is told, and in which order. Figures and sentences come from the other analyses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape

from tuned.analyses.advise import judge
from tuned.analyses.answer import Answer
from tuned.analyses.comparing.compare import baseline_and_best, range_text
from tuned.analyses.curves.gradients import gradient_table
from tuned.analyses.examples.data import data
from tuned.analyses.groups import text_of
from tuned.analyses.kinds import analysis
from tuned.analyses.model_size import size_table
from tuned.analyses.parameters.two_way import two_way_table
from tuned.analyses.question import Question
from tuned.analyses.reporting import report_page as html
from tuned.analyses.reporting.ledger import ledger, ledger_table
from tuned.analyses.reporting.parameter_plots import axis_plots, importance_plot, isolation_plots
from tuned.analyses.reporting.pictures import Picture
from tuned.analyses.reporting.plots import curves, data_size, fronts, gradients, infeasible_trials, progress, slots
from tuned.analyses.reporting.report_page import Section
from tuned.analyses.reporting.reproduce import reproduction
from tuned.analyses.stopping import stopping_table
from tuned.analyses.study_data import StudyData, TrialData
from tuned.analyses.table import Cell, Column, Table, number
from tuned.core.errors import InvalidInput
from tuned.core.words import duration

log = logging.getLogger(__name__)

BEST = 10
FAILURES = 20


def report(question: Question) -> Answer:
    """The page as `report.html` among the answer's files; with the option `latex`, each table as `NAME.tex` as well."""
    question.allow("latex")
    study = question.study
    told = _Report(study)
    sections = [
        told.verdicts(), told.result(), told.confirmed(), told.curves(), told.parameters(), told.data(),
        told.failures(), told.time(), told.setting(), told.again(),
    ]  # fmt: skip
    files = {"report.html": html.page(f"{study.name} - tuned", told.head(), sections)}
    if "latex" in question.options:
        files |= {f"{table.name}.tex": table.render("latex") for table in told.tables}
    return Answer(tables=(), notes=tuple(told.trouble), figures={"tables": len(told.tables)}, files=files)


class _Report:
    """Collects pieces; a picture or table that fails is said and left out, the rest stands."""

    def __init__(self, study: StudyData) -> None:
        self.study = study
        self.tables: list[Table] = []
        self.trouble: list[str] = []
        self._has_objective = study.spec.objective is not None

    def head(self) -> list[str]:
        """Name, question and the figures that are seen first."""
        study = self.study
        question = html.paragraph(study.spec.question, "question") if study.spec.question else ""
        pairs = [("state", study.state), ("trials", str(len(study.searched)))]
        if self._has_objective and study.ranked:
            best = study.ranked[0]
            pairs.insert(
                0, (f"best {study.objective.metric} (trial {best.number})", number(best.values[study.objective.metric]))
            )
        account = ledger(study)
        pairs += [("time of slots", duration(account.total)), ("begun", _date(study.created_at))]
        if study.ended_at is not None:
            pairs.append(("ended", _date(study.ended_at)))
        return [f"<header><h1>{escape(study.name)}</h1>", question, html.facts(pairs), "</header>"]

    def verdicts(self) -> Section:
        """What the playbook says."""
        found, notes = judge(self.study)
        pieces = [html.verdict(one) for one in found if one.level != "info"]
        quiet = [html.verdict(one) for one in found if one.level == "info"]
        if not pieces:
            pieces.append(html.paragraph("Nothing to warn of."))
        if quiet:
            pieces.append(html.folded(f"{len(quiet)} more that are good to know", "\n".join(quiet)))
        return Section("Verdicts", [*pieces, *(html.paragraph(note, "note") for note in notes)])

    def result(self) -> Section:
        """The best trials, what tuning has brought, progress and front."""
        section = Section("Result")
        if not self._has_objective or not self.study.ranked:
            section.pieces.append(html.paragraph("No trial has a result yet."))
            return section
        self._try(section, lambda: self._brought(section))
        self._table(section, lambda: best_table(self.study))
        self._pictures(section, progress, fronts)
        return section

    def _brought(self, section: Section) -> None:
        try:
            self._answer(section, baseline_and_best(self.study))
        except InvalidInput as error:
            section.pieces.append(html.paragraph(f"No gain over a baseline is shown: {error}.", "note"))

    def confirmed(self) -> Section:
        """What repetitions, folds and ensembles say; left out where there are none."""
        section = Section("Confirmation")
        for kind in ("confirm", "folds", "ensemble") if self._has_objective else ():
            try:
                answer = analysis(kind)(Question(self.study))
            except InvalidInput:
                continue
            section.pieces += [html.verdict(one) for one in answer.verdicts]
            self._answer(section, answer)
        return section

    def curves(self) -> Section:
        """Training curves."""
        section = Section("Curves")
        if self._has_objective:
            self._pictures(section, curves)
        return section

    def parameters(self) -> Section:
        """What each parameter does."""
        section = Section("Parameters")
        study = self.study
        if not self._has_objective or len(study.ranked) < 2:
            return section
        self._pictures(section, isolation_plots, importance_plot, axis_plots)
        self._try(section, lambda: self._answer(section, analysis("effects")(Question(study))))
        pair = [p.name for p in study.space.tunable if p.role == "scientific"][:2]
        if len(pair) == 2:
            self._table(section, lambda: two_way_table(study, pair[0], pair[1]))
        self._table(section, lambda: size_table(study))
        self._table(section, lambda: gradient_table(study))
        self._pictures(section, gradients)
        return section

    def data(self) -> Section:
        """What trials tell of the data; left out where they left nothing."""
        section = Section("Data")
        if not self._has_objective:
            return section
        self._pictures(section, data_size)
        self._try(section, lambda: self._answer(section, data(Question(self.study)), notes=False))
        return section

    def failures(self) -> Section:
        """Trials without a result."""
        section = Section("Failures")
        lost = infeasible_trials(self.study) if self._has_objective else []
        if lost:
            self._table(section, lambda: failure_table(lost))
        return section

    def time(self) -> Section:
        """The ledger."""
        section = Section("Time")
        self._pictures(section, slots)
        self._table(section, lambda: ledger_table(self.study))
        return section

    def setting(self) -> Section:
        """What was searched, and how."""
        section = Section("Setting")
        self._table(section, lambda: space_table(self.study))
        search = self.study.spec.search
        limits = [f"{search.trials} trials"] if search.trials else []
        limits += [f"at most {duration(search.budget)}"] if search.budget else []
        text = f"Search: {search.method}, {', '.join(limits) or 'without a limit'}, seed {search.seed}."
        stopping = self.study.spec.early_stopping
        text += f" Early stopping: {stopping.method}." if stopping else " No early stopping."
        section.pieces.append(html.paragraph(text))
        self._table(section, lambda: stopping_table(self.study))
        return section

    def again(self) -> Section:
        """How the best trial is run again."""
        section = Section("How to reproduce")
        if self._has_objective and self.study.ranked:
            lines, facts = reproduction(self.study, self.study.ranked[0])
            section.pieces += [html.code(lines), *(html.paragraph(fact) for fact in facts)]
        return section

    def _answer(self, section: Section, answer: Answer, *, notes: bool = True) -> None:
        section.pieces += [html.verdict(one) for one in answer.verdicts if one.code.startswith("compare.")]
        for table in answer.tables:
            self._table(section, lambda table=table: table)  # type: ignore[misc]
        if notes:
            section.pieces += [html.paragraph(note, "note") for note in answer.notes]

    def _table(self, section: Section, make: Callable[[], Table | None]) -> None:
        def add() -> None:
            table = make()
            if table is not None:
                self.tables.append(table)
                section.pieces.append(html.table(table))

        self._try(section, add)

    def _pictures(self, section: Section, *plots: Callable[[StudyData], Picture | None]) -> None:
        for plot in plots:
            self._try(section, lambda plot=plot: self._picture(section, plot))  # type: ignore[misc]

    def _picture(self, section: Section, plot: Callable[[StudyData], Picture | None]) -> None:
        picture = plot(self.study)
        if picture is not None:
            section.pieces.append(html.figure(picture))

    def _try(self, section: Section, add: Callable[[], None]) -> None:
        try:
            add()
        except Exception as error:
            log.exception("a part of the report on %s failed", self.study.name)
            text = f"A part of this section failed ({type(error).__name__}); see tunectl daemon logs."
            section.pieces.append(html.paragraph(text, "note"))
            self.trouble.append(f"{section.title}: {text}")


def _date(unix: float) -> str:
    return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d %H:%M")


def best_table(study: StudyData) -> Table:
    """The best trials with their settings."""
    trials = study.ranked[:BEST]
    metrics = [o.metric for o in study.spec.objectives]
    names = [p.name for p in study.space.tunable if any(p.name in t.params for t in trials)]
    columns = (
        Column("trial", "count"), *(Column(metric, "number") for metric in metrics), Column("time", "seconds"),
        *(Column(f"param.{name}", title=name) for name in names),
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for trial in trials:
        settings = [text_of(trial.params[name]) if name in trial.params else None for name in names]
        rows.append((trial.number, *(trial.values.get(metric) for metric in metrics), trial.seconds, *settings))
    return Table("best", f"The best {len(trials)} trials", columns, tuple(rows))


def failure_table(trials: Sequence[TrialData]) -> Table:
    """Trials that failed or diverged, and why."""
    columns = (Column("trial", "count"), Column("state"), Column("failure"), Column("reason"))
    rows = tuple((t.number, t.state, t.failure or "diverged", t.reason or None) for t in trials[:FAILURES])
    notes = (f"{len(trials) - FAILURES} more are not listed.",) if len(trials) > FAILURES else ()
    return Table("failures", f"{len(trials)} trials that failed or diverged", columns, rows, notes)


def space_table(study: StudyData) -> Table:
    """The search space."""
    columns = (Column("parameter"), Column("kind"), Column("range"), Column("role"), Column("when"))
    rows = []
    for parameter in study.space.parameters:
        when = ", ".join(f"{name} = {' or '.join(text_of(v) for v in values)}" for name, values in parameter.when)
        shown = text_of(parameter.values[0]) if parameter.kind == "fixed" else range_text(parameter)
        rows.append((parameter.name, parameter.kind, shown, parameter.role, when or None))
    return Table("space", "Search space", columns, tuple(rows))
