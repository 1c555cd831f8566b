from __future__ import annotations

import pytest

from tuned.daemon.estimates.pace import Pace, eta_s


def test_the_first_measurement_is_the_mean():
    pace = Pace()
    assert (pace.trial_s, pace.suggestion_s) == (None, None)
    pace.trial(4.0)
    pace.suggestion(0.5)
    assert (pace.trial_s, pace.suggestion_s) == (4.0, 0.5)


def test_the_mean_follows_and_stays_between_what_was_measured():
    pace = Pace()
    for seconds in [1.0] * 5 + [11.0] * 3:
        pace.trial(seconds)
    assert pace.trial_s is not None
    assert 1.0 < pace.trial_s < 11.0
    for _ in range(60):
        pace.trial(11.0)
    assert pace.trial_s == pytest.approx(11.0, abs=0.01)


def test_time_left():
    pace = Pace()
    assert eta_s(10, 2, pace, 2) is None
    pace.trial(60.0)
    assert eta_s(10, 2, pace, 2) == 330.0
    assert eta_s(0, 0, pace, 2) == 0.0
    assert eta_s(1, 0, pace, 0) == 60.0
