from __future__ import annotations

import pytest

from tuned.torch import SCHEDULES, factor_of, schedule


def factors(steps: int = 12, **params: object) -> list[float]:
    factor = factor_of(params, steps)
    return [round(factor(step), 4) for step in range(steps)]


def test_shapes():
    assert factors() == [1.0] * 12
    assert factors(schedule="step") == [1.0] * 4 + [0.1] * 4 + [0.01] * 4
    assert factors(schedule="step", decay_every=6, decay_factor=0.5) == [1.0] * 6 + [0.5] * 6
    cosine = factors(schedule="cosine")
    assert cosine[0] == 1.0 and cosine[6] == 0.5 and cosine == sorted(cosine, reverse=True)
    assert factors(schedule="linear", final_factor=0.5)[6] == 0.75
    warm = factors(schedule="warmup_constant", warmup=0.25)
    assert warm == [0.25, 0.5, 0.75] + [1.0] * 9
    assert factors(schedule="warmup_cosine", warmup=3)[3] == 1.0


@pytest.mark.parametrize("name", [*SCHEDULES, *("warmup_" + name for name in SCHEDULES)])
def test_every_schedule_stays_within_the_base_rate(name):
    for steps in (1, 2, 10):
        factor = factor_of({"schedule": name}, steps)
        assert all(0 <= factor(step) <= 1 for step in range(steps + 3)) and factor(0) > 0


def test_it_drives_a_torch_optimiser():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    made = schedule(optimizer, {"schedule": "linear", "epochs": 4})
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        made.step()
    assert rates == [0.5, 0.375, 0.25, 0.125]


def test_what_it_does_not_know_is_named():
    with pytest.raises(ValueError, match="none of constant, step"):
        factor_of({"schedule": "cosin"}, 3)
    with pytest.raises(ValueError, match="total_steps"):
        factor_of({"schedule": "cosine"})
