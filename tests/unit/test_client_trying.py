from __future__ import annotations

from tuned.client.trying import rehearsal
from tuned.wire import Submission


def test_one_trial_of_a_playbook_is_no_playbook() -> None:
    table = {
        "name": "whole",
        "run": {"command": ["true", "{lr}"]},
        "objective": {"metric": "val_loss", "direction": "minimize"},
        "space": {"lr": {"type": "float", "low": 0.1, "high": 1.0}},
        "search": {"trials": 20, "point": [{"label": "baseline", "lr": 0.5}, {"lr": 0.2}]},
        "early_stopping": {"method": "asha", "min_step": 1},
        "playbook": {"steps": ["coarse", "bayesian", "confirm"]},
    }
    made = rehearsal(Submission(table, "/", {}), "whole.check")
    assert "playbook" not in made.study and "early_stopping" not in made.study
    assert made.study["search"]["trials"] == 1 and made.study["search"]["point"] == [{"label": "baseline", "lr": 0.5}]
    assert "playbook" in table, "the user's own table stays"
