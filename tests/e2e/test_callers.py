"""Programs that name themselves: what they did is told, and their caps hold whatever verb they use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e


@pytest.fixture
def capped(tunectl: Tunectl, tmp_path: Path) -> Tunectl:
    """A command whose daemon reads a config.toml of its own."""
    folder = tmp_path / "config" / "tuned-hpo"
    folder.mkdir(parents=True)
    tunectl.env["XDG_CONFIG_HOME"] = str(folder.parent)
    tunectl.work.joinpath("config.link").symlink_to(folder / "config.toml")
    return tunectl


def set_caps(tunectl: Tunectl, caps: str) -> None:
    (tunectl.work / "config.link").resolve().write_text(f"[caller.agent]\n{caps}\n")


def test_caps_hold_whatever_the_verb_and_refusals_name_them(capped: Tunectl) -> None:
    tunectl, agent = capped, ("--caller", "agent")
    set_caps(tunectl, "trials = 5")
    tunectl.write(trials=3, hold=True)
    study = (tunectl.work / "quad.toml").read_text()
    (tunectl.work / "endless.toml").write_text(study.replace("trials = 3", 'budget = "1h"'))
    tunectl("submit", "quad.toml", "--name", "theirs")
    tunectl(*agent, "submit", "quad.toml", "--name", "mine")
    assert "more: 3 trials" in tunectl("submit", "quad.toml", "--name", "more", "--dry-run")
    refusals = {
        "trials": [
            ("submit", "quad.toml", "--name", "more"),
            ("submit", "quad.toml", "--name", "more", "--dry-run"),
            ("set", "mine", "search.trials=+3"),
            ("enqueue", "mine", "x=1,2,3"),
            ("enqueue", "mine", "x=1", "--seeds", "3"),
            ("set", "mine", "search.budget=1h", "search.trials=none"),
            ("submit", "endless.toml"),
        ],
        "others": [
            ("pause", "theirs"),
            ("cancel", "theirs/1"),
            ("priority", "theirs", "3"),
            ("enqueue", "theirs", "x=1"),
            ("submit", "quad.toml", "--name", "pushy", "--trials", "1", "--urgent"),
            ("daemon", "stop"),
            ("gc",),
        ],
    }
    tunectl(*agent, "pause", "mine")
    for cap, lines in refusals.items():
        for words in lines:
            err = tunectl(*agent, *words, code=1)
            assert f"caller.agent.{cap}: " in err and f"{cap} in [caller.agent]" in err, (words, err)
    assert {s["name"]: s["state"] for s in tunectl.json("studies")} == {"theirs": "running", "mine": "paused"}
    assert {s["name"]: s["paused_by"] for s in tunectl.json("studies")} == {"theirs": "", "mine": "user"}
    tunectl(*agent, "enqueue", "mine", "x=1,2")
    assert tunectl.json("trials", "mine")[-1]["why"] == "enqueued by agent"
    (row,) = tunectl.json("status")["daemon"]["callers"]
    assert (row["name"], row["trials"], row["most_trials"], row["capped"]) == ("agent", 5, 5, True)
    assert "agent: 5 of 5 trials" in tunectl("status")
    did = [e for e in tunectl.json("events", "mine") if e["caller"]]
    assert {e["caller"] for e in did} == {"agent"} and "study.submitted" in {e["type"] for e in did}
    assert not [e for e in tunectl.json("events", "theirs") if e["caller"]]
    assert "[agent]" in tunectl("events", "mine")
    # What was used stays used, whoever deletes it.
    tunectl(*agent, "cancel", "mine")
    tunectl("wait", "mine", code=1)
    assert "caller.agent.delete: agent may delete no study" in tunectl(*agent, "delete", "mine", "--yes", code=1)
    tunectl("delete", "mine", "--yes")
    assert tunectl.json("status")["daemon"]["callers"][0]["trials"] == 5
    assert "caller.agent.trials" in tunectl("submit", "quad.toml", code=1, TUNED_CALLER="agent")
    set_caps(tunectl, "trails = 5")
    assert "is not a known key" in tunectl(*agent, "studies", code=1)
    assert "is not a known key" in tunectl("status")


def test_hours_that_are_used_up_halt_the_studies_with_the_reason(capped: Tunectl) -> None:
    tunectl = capped
    set_caps(tunectl, "gpu_hours = 0.0003")
    tunectl.write(trials=50, pace=0.05)
    tunectl("submit", "quad.toml", TUNED_CALLER="agent")
    told = tunectl.json("wait", "--any", "--until", "failed", "--since", "0", "--timeout", "100")
    assert [h["study"] for h in told["happened"]] == ["quad"] and "gpu_hours in [caller.agent]" in told["happened"][0][
        "reason"
    ]
    err = tunectl("--caller", "agent", "resume", "quad", code=1)
    assert "caller.agent.gpu_hours: " in err
    (row,) = tunectl.json("status")["daemon"]["callers"]
    assert row["hours"] >= row["most_hours"] == 0.0003
    set_caps(tunectl, "gpu_hours = 1")
    tunectl("--caller", "agent", "resume", "quad")
    assert tunectl.json("show", "quad")["state"] == "running"


def test_what_a_script_says_is_no_cap(tunectl: Tunectl) -> None:
    """Who paused a study is a fact of its own: its reason quotes the script's words."""
    tunectl.write(trials=9)
    (tunectl.work / "train.py").write_text(
        "import tuned\ntuned.current_trial()\nraise SystemExit('the arm is halted: limit switch')\n"
    )
    tunectl("submit", "quad.toml", "--name", "arm")
    err = tunectl("wait", "arm", code=1)
    assert "the arm is halted: limit switch" in err
    assert "mend the script" in err and "widened the cap" not in err
    assert tunectl.json("show", "arm")["paused_by"] == "daemon"
