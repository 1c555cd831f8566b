"""Customary ranges of named options, by the library that a script imports, each with its source.

Owns the table. They are where a person begins to edit; what a general name such as `lr` means without a library is
`tuned.core.draft.ranges`'. A source that names no ends says so, and the ends are a customary part of what it allows.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from tuned.core.script.literals import imported_modules

ZOO = "as in the samplers of rl-baselines3-zoo"
XGB = "among those of XGBoost's Notes on Parameter Tuning, which give no ends"
XGB_PAGE = "among those of XGBoost's Parameters page, which gives no ends"
XGB_ROWS = "as XGBoost's Parameters page has it: typically at least 0.5"
LGBM = "among those of LightGBM's Parameters Tuning page, which gives no ends"
LGBM_LEAVES = "as LightGBM's Parameters Tuning page has it: up to hundreds or a thousand for large data"
SVM = "as scikit-learn's RBF SVM parameters example has it: 1e-3 to 1e3 is usually sufficient"


@dataclass(frozen=True, slots=True)
class Custom:
    """A range as `[space]` spells it, and a phrase on where it comes from."""

    entry: Any
    source: str


def float_entry(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """The entry of a float in `[space]`."""
    return {"type": "float", "low": low, "high": high, **({"log": True} if log else {})}


def _int(low: int, high: int, *, log: bool = False) -> dict[str, Any]:
    return {"type": "int", "low": low, "high": high, **({"log": True} if log else {})}


_RL = {
    "gamma": float_entry(0.9, 0.9999),
    "gae_lambda": float_entry(0.8, 1.0),
    "clip_range": float_entry(0.1, 0.4),
    "clip_coef": float_entry(0.1, 0.4),
    "ent_coef": float_entry(1e-8, 0.1, log=True),
    "vf_coef": float_entry(0.1, 1.0),
    "max_grad_norm": float_entry(0.3, 5.0, log=True),
    "tau": float_entry(1e-3, 0.1, log=True),
    "num_steps": [32, 64, 128, 256, 512, 1024, 2048],
    "n_steps": [32, 64, 128, 256, 512, 1024, 2048],
}
_XGBOOST = {
    "eta": float_entry(0.01, 0.3, log=True),
    "learning_rate": float_entry(0.01, 0.3, log=True),
    "max_depth": _int(3, 10),
    "min_child_weight": float_entry(0.1, 10.0, log=True),
    "gamma": float_entry(1e-3, 5.0, log=True),
    "min_split_loss": float_entry(1e-3, 5.0, log=True),
    "colsample_bytree": float_entry(0.5, 1.0),
}
_XGBOOST_WEIGHTS = dict.fromkeys(("lambda", "reg_lambda", "alpha", "reg_alpha"), float_entry(1e-3, 10.0, log=True))
_LIGHTGBM = {
    "learning_rate": float_entry(0.01, 0.3, log=True),
    "num_leaves": _int(15, 255, log=True),
    "max_depth": _int(3, 12),
    **dict.fromkeys(("min_sum_hessian_in_leaf", "min_child_weight"), float_entry(1e-3, 10.0, log=True)),
    **dict.fromkeys(("feature_fraction", "colsample_bytree"), float_entry(0.5, 1.0)),
    **dict.fromkeys(("bagging_fraction", "subsample"), float_entry(0.5, 1.0)),
    **dict.fromkeys(("lambda_l1", "lambda_l2", "reg_alpha", "reg_lambda"), float_entry(1e-3, 10.0, log=True)),
    **dict.fromkeys(("min_gain_to_split", "min_split_gain"), float_entry(1e-3, 1.0, log=True)),
}
_LIGHTGBM_LEAVES = dict.fromkeys(("min_data_in_leaf", "min_child_samples"), _int(5, 1000, log=True))
_SVC = {"c": float_entry(1e-3, 1e3, log=True), "gamma": float_entry(1e-3, 1e3, log=True)}

_BY_MODULE: tuple[tuple[tuple[str, ...], dict[str, Any], str], ...] = (
    (("stable_baselines3", "gymnasium", "gym", "gymnax"), _RL, ZOO),
    (("xgboost",), _XGBOOST, XGB),
    (("xgboost",), {"subsample": float_entry(0.5, 1.0)}, XGB_ROWS),
    (("xgboost",), _XGBOOST_WEIGHTS, XGB_PAGE),
    (("lightgbm",), _LIGHTGBM, LGBM),
    (("lightgbm",), _LIGHTGBM_LEAVES, LGBM_LEAVES),
    (("sklearn.svm",), _SVC, SVM),
)


def customs_of(tree: ast.Module) -> dict[str, Custom]:
    """The ranges that hold for a script, by an option's name in lower case with underscores.

    Args:
        tree: The script's text, parsed: its imports decide.
    """
    modules = set(imported_modules(tree))
    found: dict[str, Custom] = {}
    for names, table, source in _BY_MODULE:
        if any(module == name or module.startswith(name + ".") for module in modules for name in names):
            for name, entry in table.items():
                found.setdefault(name, Custom(entry, source))
    return found
