"""Figures for Prometheus, read by its own parser where that is installed."""

from __future__ import annotations

import math

import pytest

from tuned.core.exposition import Family, exposition

parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")


def test_names_labels_and_numbers_come_back_as_they_were() -> None:
    odd = 'a "quoted" \\ name\nof two lines'
    values = [0.0, -1.5, 1e-300, 2.0**60, math.inf, -math.inf, 3.0]
    family = Family("tuned_x", odd)
    for value in values:
        family.add(value, study=odd, trial="7")
    text = exposition([family, Family("tuned_none", "nothing"), plain := Family("tuned_n", "plain", "counter")])
    assert "tuned_none" not in text and "tuned_n" not in text
    plain.add(math.nan)
    read = {f.name: f for f in parser.text_string_to_metric_families(exposition([family, plain]))}
    samples = read["tuned_x"].samples
    assert [s.value for s in samples] == values and {(s.labels["study"], s.labels["trial"]) for s in samples} == {
        (odd, "7")
    }
    assert read["tuned_x"].type == "gauge" and math.isnan(read["tuned_n"].samples[0].value)
