"""Every value that goes into an unmodified script is the value that its trial records."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.tunectl_process import Tunectl

pytestmark = pytest.mark.e2e

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def namespaces(shell: Tunectl, study: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Of each completed trial: its recorded parameters, and what its script printed that it got."""
    found = []
    for trial in shell.json("trials", study):
        assert trial["state"] == "completed", trial
        text = shell("logs", f"{study}/{trial['number']}")
        line = next(line for line in text.splitlines() if "namespace {" in line)
        found.append((trial["params"], json.loads(line[line.index("{") :])))
    return found


def test_options_of_every_kind_get_what_is_recorded(tunectl: Tunectl, tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "switches", tmp_path, dirs_exist_ok=True)
    words = [
        "bn=bool", "augment=bool", "bias=bool", "use_ema=bool", "mixed=bool", "warm_restart=bool", "nesterov=bool",
        "momentum=0..1", "weight_decay=log:1e-6..1e-2", "offset=-1e-4..1e-4", "mixup=0..1", "tag=01,1.10,v2",
        "layers=1..4",
    ]  # fmt: skip
    shell = tunectl
    shell("tune", "train.py", *words, "--trials", "8", "--method", "sobol", "--minimize", "val_loss", "--wait")
    found = namespaces(shell, "train")
    assert len(found) == 8
    for params, got in found:
        assert {name: got[name] for name in params} == params
        assert isinstance(params["mixup"], float) and 0 < params["mixup"] < 1
    for name in ("bn", "augment", "bias", "use_ema", "mixed", "warm_restart", "nesterov"):
        assert {params[name] for params, _ in found} == {True, False}, name
    assert {params["tag"] for params, _ in found} == {"01", "1.10", "v2"}
    assert any(params["offset"] < 0 for params, _ in found)
    err = shell("tune", "train.py", "offset=abc", "--name", "bad", code=1)
    assert "offset=abc: the script takes --offset as a number, not 'abc'" in err
