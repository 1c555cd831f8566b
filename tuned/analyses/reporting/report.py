"""`report`: everything there is to say on a study, as one page, and its tables for a paper.

Owns what is told, and in which order. Figures and sentences come from the other analyses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from html import escape

from tuned.analyses.advise import judge
from tuned.analyses.answer import Answer
from tuned.analyses.comparing.baseline import baseline_and_best
from tuned.analyses.comparing.confirm import confirm
from tuned.analyses.comparing.folds import folds
from tuned.analyses.comparing.luck import honest
from tuned.analyses.curves.gradients import gradient_table
from tuned.analyses.examples.data import data
from tuned.analyses.examples.ensemble import ensemble
from tuned.analyses.model_size import size_table
from tuned.analyses.parameters.effects import effects
from tuned.analyses.parameters.two_way import two_way_table
from tuned.analyses.question import Question
from tuned.analyses.reporting import report_page as html
from tuned.analyses.reporting.cards import card_bars, card_ledger, figure_table
from tuned.analyses.reporting.final_model import FinalModel, final_model, final_table, steps_table
from tuned.analyses.reporting.ledger import ledger, ledger_table
from tuned.analyses.reporting.parameter_plots import axis_plots, importance_plot, isolation_plots
from tuned.analyses.reporting.pictures import Picture
from tuned.analyses.reporting.plots import curves, data_size, fronts, gradients, infeasible_trials, progress, slots
from tuned.analyses.reporting.report_page import Section
from tuned.analyses.reporting.report_tables import best_table, failure_table, space_table
from tuned.analyses.reporting.reproduce import final_reproduction, packages, reproduction
from tuned.analyses.stopping import stopping_table
from tuned.analyses.study_data import StudyData
from tuned.analyses.table import Table, number
from tuned.core import words
from tuned.core.errors import InvalidInput
from tuned.core.playbook.spec import REPORT_FILE
from tuned.core.ranking import cut_short
from tuned.core.words import duration

log = logging.getLogger(__name__)


def report(question: Question) -> Answer:
    """The page as `report.html` among the answer's files; with the option `latex`, each table as `NAME.tex` as well."""
    question.allow("latex")
    study = question.study
    told = _Report(study)
    sections = [
        told.final(), told.verdicts(), told.result(), told.confirmed(), told.curves(), told.parameters(), told.data(),
        told.failures(), told.time(), told.setting(), told.again(),
    ]  # fmt: skip
    files = {REPORT_FILE: html.page(f"{study.name} - tuned", told.head(), sections)}
    if "latex" in question.options:
        files |= {f"{table.name}.tex": table.render("latex") for table in told.tables}
    return Answer(tables=(), notes=tuple(told.trouble), figures={"tables": len(told.tables)}, files=files)


def _state(study: StudyData) -> str:
    """The study's state; a playbook whose last step is this report is completed by it."""
    left = [step["name"] for step in study.steps if step["state"] not in ("done", "skipped")]
    return "completed" if study.state == "running" and left == ["report"] else study.state


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
        pairs = [*self._figures(), ("state", _state(study)), ("trials of the search", str(len(study.searched)))]
        ended = "" if study.ended_at is None else f", ended {_date(study.ended_at)}"
        times = f"Begun {_date(study.created_at)}{ended}; its trials took {duration(ledger(study).total)} in all."
        return [
            f"<header><h1>{escape(study.name)}</h1>", question, html.facts(pairs), html.paragraph(times, "soft"),
            "</header>",
        ]  # fmt: skip

    def _figures(self) -> list[tuple[str, str]]:
        """The results that are seen first, the most trustworthy one in front."""
        study = self.study
        if not self._has_objective or not study.ranked:
            return []
        found, best, metric = [], study.ranked[0], study.objective.metric
        final, quoted = final_model(study), honest(study)
        if final is not None and final.metric is not None:
            ends = f": {final.interval}" if final.interval else ""
            found.append((f"{final.metric} of the final model{ends}", number(final.value)))
        if quoted and quoted.value is not None and quoted.low is not None and quoted.high is not None:
            ends = f"{number(quoted.low)} .. {number(quoted.high)}"
            found.append(
                (f"{metric} of trial {best.number}, {quoted.runs} further seeds: {ends}", number(quoted.value))
            )
        early = ", stopped early" if cut_short(best) else ""
        beside = "" if quoted is None or quoted.low is not None else f"; {quoted.how}"
        found.append((f"best {metric} (trial {best.number}{early}, one run{beside})", number(best.values[metric])))
        return found

    def final(self) -> Section:
        """The final model, and how each step came to it; left out without a playbook."""
        section = Section("Final model" if final_model(self.study) else "Steps")
        final = final_model(self.study) if self._has_objective else None
        if final is not None:
            self._table(section, lambda: final_table(self.study, final))
            if bundle := final.result.get("bundle"):
                section.pieces.append(html.paragraph(f"Bundle: {bundle}"))
        self._table(section, lambda: steps_table(self.study))
        return section

    def verdicts(self) -> Section:
        """The rules of the playbook that found anything."""
        found, notes = judge(self.study)
        pieces = [html.verdict(one) for one in found if one.level != "info"]
        quiet = [html.verdict(one) for one in found if one.level == "info"]
        if not pieces:
            pieces.append(html.paragraph("Nothing to warn of."))
        if quiet:
            them = "1 more that is" if len(quiet) == 1 else f"{len(quiet)} more that are"
            pieces.append(html.folded(f"{them} good to know", "\n".join(quiet)))
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
        """Repetitions, folds and ensembles; left out where there are none."""
        section = Section("Confirmation")
        for analysis in (confirm, folds, ensemble) if self._has_objective else ():
            try:
                answer = analysis(Question(self.study))
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
        """The effects of each parameter."""
        section = Section("Parameters")
        study = self.study
        if not self._has_objective or len(study.ranked) < 2:
            return section
        self._pictures(section, isolation_plots, importance_plot, axis_plots)
        self._try(section, lambda: self._answer(section, effects(Question(study))))
        pair = [p.name for p in study.space.tunable if p.role == "scientific"][:2]
        if len(pair) == 2:
            self._table(section, lambda: two_way_table(study, pair[0], pair[1]))
        self._table(section, lambda: size_table(study))
        self._table(section, lambda: gradient_table(study))
        self._pictures(section, gradients)
        return section

    def data(self) -> Section:
        """Findings about the data; left out where no trial saved any."""
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
            self._table(section, lambda: failure_table(self.study, lost))
        return section

    def time(self) -> Section:
        """The ledgers of the slots and of the cards."""
        section = Section("Time")
        self._pictures(section, slots)
        self._table(section, lambda: ledger_table(self.study))
        self._pictures(section, card_bars)
        self._table(section, lambda: card_ledger(self.study))
        self._table(section, lambda: figure_table(self.study))
        return section

    def setting(self) -> Section:
        """The space, and the method of the search."""
        section = Section("Setting")
        self._table(section, lambda: space_table(self.study))
        search = self.study.spec.search
        limits = [words.count(search.trials, "trial")] if search.trials else []
        limits += [f"at most {duration(search.budget)}"] if search.budget else []
        text = f"Search: {search.method}, {', '.join(limits) or 'without a limit'}, seed {search.seed}."
        stopping = self.study.spec.early_stopping
        text += f" Early stopping: {stopping.told}." if stopping else " No early stopping."
        section.pieces.append(html.paragraph(text))
        self._table(section, lambda: stopping_table(self.study))
        return section

    def again(self) -> Section:
        """How the final model, else the best trial, is trained anew, and with which packages."""
        section = Section("How to reproduce")
        study = self.study
        final = final_model(study) if self._has_objective else None
        if final is not None:
            lines, facts = final_reproduction(final)
            section.pieces += [html.code(lines), *(html.paragraph(fact) for fact in facts)]
        elif self._has_objective and study.ranked:
            lines, facts = reproduction(study, study.ranked[0])
            section.pieces += [html.code(lines), *(html.paragraph(fact) for fact in facts)]
        self._try(section, lambda: self._packages(section, final))
        return section

    def _packages(self, section: Section, final: FinalModel | None) -> None:
        if not section.pieces:
            return
        found = packages(self.study, final)
        if found is not None:
            section.pieces.append(
                html.folded(found.title, html.paragraph(", ".join(line for line in found.lines if line), "note"))
            )

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
