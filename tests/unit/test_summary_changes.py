"""The changes that a summary tells: those that people made."""

from tuned.core.events import STUDY_CHANGED, TRIAL_QUEUED, Event
from tuned.daemon.studies.summary import changes


def test_the_daemons_own_change_is_no_news() -> None:
    def changed(*lines: str) -> Event:
        return Event(1, 0.0, STUDY_CHANGED, "s", None, {"changes": list(lines)})

    other = Event(1, 0.0, TRIAL_QUEUED, "s", 1, {})
    assert changes([changed("search.lag: null -> 1"), other]) == []
    assert changes([changed("search.lag: 1 -> 0", "search.trials: 9 -> 12")]) == [
        "changed: search.lag: 1 -> 0; search.trials: 9 -> 12"
    ]
