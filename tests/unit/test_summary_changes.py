"""What a summary tells: the changes that people made, and the studies that they knew."""

from dataclasses import replace

from tuned.core.events import STUDY_CHANGED, STUDY_DELETED, STUDY_SUBMITTED, TRIAL_QUEUED, Event
from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.daemon.studies.submitting import changed_since
from tuned.daemon.studies.summary import changes, gone


def test_the_daemons_own_change_is_no_news() -> None:
    def changed(*lines: str) -> Event:
        return Event(1, 0.0, STUDY_CHANGED, "s", None, {"changes": list(lines)})

    other = Event(1, 0.0, TRIAL_QUEUED, "s", 1, {})
    assert changes([changed("search.lag: null -> 1"), other]) == []
    assert changes([changed("search.lag: 1 -> 0", "search.trials: 9 -> 12")]) == [
        "changed: search.lag: 1 -> 0; search.trials: 9 -> 12"
    ]


def test_a_file_that_is_sent_again_is_told_what_people_changed_alone() -> None:
    before = StudySpec(name="s", run=RunSpec("script", script="train.py"), search=SearchSpec())
    settled = replace(before, search=replace(before.search, lag=1))
    assert changed_since(before, settled) == []
    more = replace(settled, search=replace(settled.search, trials=12))
    assert changed_since(before, more) == ["search.trials: null -> 12"]


def test_a_study_that_came_and_went_is_no_news() -> None:
    came, went = (Event(1, 0.0, kind, "s.check", None, {}) for kind in (STUDY_SUBMITTED, STUDY_DELETED))
    assert gone([went]) and not gone([came]) and not gone([came, went])
