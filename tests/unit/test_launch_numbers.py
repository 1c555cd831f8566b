"""What is one number without doubt, and what is none."""

from __future__ import annotations

import math

import pytest

from tuned.launch.numbers import read_number
from tuned.launch.patterns import UNREAD, Patterns


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.25", 0.25),
        ("12.5%", 12.5),
        ("0.25,", 0.25),
        ("1e-3)", 1e-3),
        ("tensor(0.12", 0.12),
        ("tensor(0.12,", 0.12),
        ("tensor(0.12, device='cuda:0')", 0.12),
        ("tensor(-1.5e-3, grad_fn=<NllLossBackward0>)", -1.5e-3),
        ("tensor([0.5])", 0.5),
        ("np.float64(0.25)", 0.25),
        ("numpy.float32(0.25),", 0.25),
        ("np.int64(3)", 3.0),
        ("Array(0.5, dtype=float32)", 0.5),
        ("array(0.5)", 0.5),
        ("Decimal('0.12')", 0.12),
        ("[0.25]", 0.25),
        ("tf.Tensor(0.5, shape=(), dtype=float32)", 0.5),
        ("\N{MINUS SIGN}0.25", -0.25),
        ("12,345.6", 12345.6),
        ("-1,234,567", -1234567.0),
        ("0,25", 0.25),
        ("0,125", 0.125),
        ("3,5", 3.5),
        ("12,345", None),
        ("tensor([0.1,", None),
        ("tensor([0.1, 0.2])", None),
        ("[0.1, 0.2]", None),
        ("1.2.3", None),
        ("None", None),
        ("v2", None),
        ("12ms", None),
        ("f(3)", None),
        ("", None),
    ],
)
def test_numbers(text: str, number: float | None) -> None:
    assert read_number(text) == number


def test_what_is_not_finite_is_a_number() -> None:
    assert math.isnan(read_number("nan") or 0.0) and read_number("-inf") == -math.inf
    assert math.isnan(read_number("tensor(nan,") or 0.0)


def test_a_match_without_a_number_is_kept_as_it_stands_a_few_times() -> None:
    patterns = Patterns([{"regex": r"step (?P<step>\S+) loss (?P<loss>\S+)", "stream": "both"}])
    assert patterns.records("step 1,000,000 loss tensor(0.5,", "stdout") == [{"step": 1000000, "loss": 0.5}]
    for _ in range(UNREAD):
        assert patterns.records("step 2 loss 12,345", "stdout") == [{"step": 2, "loss": "12,345"}]
    assert patterns.records("step 2 loss 12,345", "stdout") == []
    assert patterns.records("step 3 loss 0.25", "stdout") == [{"step": 3, "loss": 0.25}]


def test_a_pattern_of_the_step_alone_tells_it_to_the_others():
    patterns = Patterns([
        {"regex": r"loss (?P<loss>\S+)", "stream": "both"},
        {"regex": r"epoch (?P<step>\d+)", "stream": "both"},
        {"regex": r"at (?P<step>\d+): acc (?P<acc>\S+)", "stream": "both"},
    ])  # fmt: skip
    lines = ["loss 5", "epoch 3", "loss 4", "epoch x", "epoch 7: loss 2", "at 9: acc 1", "loss 1"]
    assert [record for line in lines for record in patterns.records(line, "stdout")] == [
        {"step": 0, "loss": 5.0},
        {"step": 3, "loss": 4.0},
        {"step": 7, "loss": 2.0},
        {"step": 9, "acc": 1.0},
        {"step": 7, "loss": 1.0},
    ]


def test_the_step_within_a_table_holds_for_its_rows_above():
    patterns = Patterns([
        {"regex": r"steps \| (?P<step>\d+)", "stream": "both"},
        {"regex": r"loss \| (?P<loss>\S+)", "stream": "both"},
        {"regex": r"rew \| (?P<rew>\S+)", "stream": "both"},
    ])  # fmt: skip
    table = ["----", "| rew | {}", "| steps | {} |", "| loss | {} |", "----"]
    lines = [row.format(i * 10) for i in (1, 2) for row in table] + ["| rew | 5 |", "----", "loss | 6", "| rew | 7 |"]
    found = [record for line in lines for record in patterns.records(line, "stdout")]
    assert [(r["step"], r.get("rew", r.get("loss"))) for r in found] == [
        (10, 10.0), (10, 10.0), (20, 20.0), (20, 20.0), (20, 5.0), (20, 6.0),
    ]  # fmt: skip
    assert patterns.rest() == [{"step": 20, "rew": 7.0}] and not patterns.rest(), "the output ends within a table"
