"""Observations as JSON: written by hand for speed, and the same as what the wire's own shape gives."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest

from tuned.core.trials.trial import Observation
from tuned.daemon.rows import metric_row
from tuned.daemon.trials.curves import _as_json


@pytest.mark.parametrize("value", [0.5, 1.0, -0.0, 1e300, 5e-324, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "step", "at"), [("loss", 3.0, None), ('a"\\é\x01\n', 0.25, 1e9 + 0.1)])
def test_each_row_is_what_the_wire_says(name, step, at, value):
    observation = Observation(name, step, value, at, 2)
    (text,) = _as_json("digits", 7, [observation])
    assert json.loads(text) == json.loads(json.dumps(asdict(metric_row("digits", 7, observation))))
