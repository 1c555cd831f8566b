"""The guess at what a script that never ran imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuned.core.program.preloading import guess
from tuned.disk import Disk


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import torch.nn as nn", ("torch", "numpy")),
        ("from torch.utils.data import DataLoader\nimport torchvision", ("torch", "numpy", "PIL", "torchvision")),
        ("import lightning as L", ("torch", "numpy", "lightning")),
        ("from stable_baselines3 import PPO", ("torch", "numpy", "stable_baselines3")),
        ("import matplotlib.pyplot as plt\nimport keras, xgboost", ("numpy", "scipy", "matplotlib.pyplot", "xgboost")),
        ("import torch\nopt = torch.optim.Adam([])", ("torch", "torch._dynamo", "numpy")),
        ("def optim(): pass", ()),
        ("import json, pandas as pd", ("numpy", "pandas")),
        ("try:\n    import sklearn\nexcept ImportError:\n    pass", ("numpy", "scipy", "sklearn")),
        ("def main():\n    import torch\nif DEBUG:\n    import scipy", ()),
        ("from . import torch\nimport tensorflow", ()),
        ("import torch as\n", ()),
        ("\0", ()),
        ("# -*- coding: latin-1 -*-\nimport numpy", ("numpy",)),
    ],
)
def test_what_stands_at_the_top_counts(tmp_path: Path, text: str, found: tuple[str, ...]) -> None:
    (tmp_path / "train.py").write_text(text)
    assert guess(str(tmp_path / "train.py"), Disk()) == found


def test_modules_beside_the_script_are_read_once_and_are_nothing_installed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import model, numpy.linalg\nfrom parts.data import load")
    (tmp_path / "model.py").write_text("import torch\nimport train, deeper")
    (tmp_path / "deeper.py").write_text("import sklearn")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/data.py").write_text("import pandas")
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy/__init__.py").touch()
    assert guess(str(tmp_path / "train.py"), Disk()) == ("torch", "numpy", "pandas")
    (tmp_path / "model.py").unlink()
    (tmp_path / "parts/data.py").unlink()
    assert guess(str(tmp_path / "train.py"), Disk()) == ()
    assert guess(str(tmp_path / "gone.py"), Disk()) == ()
