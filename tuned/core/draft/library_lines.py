"""The lines that a training library prints by itself for a script, and the patterns that find its metrics in them.

Owns these forms and the signs in a script's text that its library prints them; the script's own lines are
`tuned.core.draft.prints`'.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tuned.core.draft.printed_lines import SHOWN
from tuned.core.script.literals import UNKNOWN, called, constants_of, imported_modules, keywords, value_of

_RL = ("stable_baselines3", "sb3_contrib", "sbx")
_TRAINERS = ("transformers", "trl", "sentence_transformers")
_CALLBACKS = {"keras": ("val_loss",), "transformers": ("eval_loss",), "lightning": ("val_loss",)}
"""Library -> the metric that its training customarily logs, of our callbacks for it."""


class Printed(NamedTuple):
    """Lines of a library: pattern -> the metrics in it, and the pattern that tells their step; empty where they do."""

    metrics: dict[str, list[str]]
    step: str = ""


class _Script(NamedTuple):
    """A script, taken apart: the modules it imports, its calls, and its top-level constants."""

    tree: ast.Module
    modules: frozenset[str]
    calls: list[ast.Call]
    constants: dict[str, Any]

    def uses(self, *names: str) -> bool:
        return any(module == name or module.startswith(name + ".") for module in self.modules for name in names)

    def named(self, *ends: str) -> list[ast.Call]:
        """The calls of functions with these last names."""
        return [call for call in self.calls if called(call).rpartition(".")[2] in ends]

    def given(self, call: ast.Call, word: str) -> Any:
        """The value of a keyword argument: None where it is left out, `UNKNOWN` where running alone would tell."""
        node = keywords(call).get(word)
        return None if node is None else value_of(node, self.constants, UNKNOWN)


def library_lines(tree: ast.Module) -> Iterator[Printed]:
    """The lines of each library that prints for this script.

    Args:
        tree: The script's text, parsed.
    """
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    script = _Script(tree, frozenset(imported_modules(tree)), calls, constants_of(tree))
    for reader in _READERS:
        printed = reader(script)
        if printed.metrics:
            yield printed


def called_back(tree: ast.Module) -> tuple[str, ...] | None:
    """The customary metric of a script that reports through one of our callbacks; None for any other."""
    for name in imported_modules(tree):
        if name.startswith("tuned.integrations."):
            return _CALLBACKS.get(name.split(".")[2], ())
    return None


def _trainer(script: _Script) -> Printed:
    """Hugging Face: `{'eval_loss': 0.5, 'eval_accuracy': 0.9, 'epoch': 1.0}`.

    The patterns name no step: the epoch in these lines is a fraction, so that several lines would share one.
    """
    if not any(m.endswith("Trainer") and m.partition(".")[0] in _TRAINERS for m in script.modules):
        return Printed({})
    own = [
        key.value
        for function in ast.walk(script.tree)
        if isinstance(function, ast.FunctionDef) and "metrics" in function.name
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant) and str(key.value).isidentifier()
    ]
    names = ["eval_loss", *(f"eval_{str(name).removeprefix('eval_')}" for name in own), "loss"]
    return Printed({rf"'{name}':\s+['\"]?(?P<{name}>{SHOWN})": [name] for name in names})


def _rollouts(script: _Script) -> Printed:
    """Stable-Baselines3's table, `|    ep_rew_mean     | 21.3 |`: silent unless it is told otherwise."""
    if not script.uses(*_RL) or not script.named("learn"):
        return Printed({})
    loud = any(script.given(call, "verbose") not in (None, 0) for call in script.calls)
    lists = [value for call in script.named("configure") for value in _values(call, script.constants)]
    if not loud and not any(isinstance(value, list) and "stdout" in value for value in lists):
        return Printed({})
    names = ["mean_reward"] if script.named("EvalCallback", "MaskableEvalCallback") else []
    patterns = {rf"\b{name}\s+\|\s+(?P<{name}>\S+)": [name] for name in [*names, "ep_rew_mean"]}
    return Printed(patterns, r"\btotal_timesteps\s+\|\s+(?P<step>\d+)")


def _epochs(script: _Script) -> Printed:
    """Keras: `Epoch 3/10`, and below it `... - loss: 0.3 - val_accuracy: 0.9123`."""
    fits = [call for call in script.named("fit") if script.given(call, "verbose") not in (0, "0")]
    compiled = script.named("compile")
    if not script.uses("keras", "tensorflow", "tf_keras") or not fits or not compiled:
        return Printed({})
    held_out = any({"validation_data", "validation_split"} & set(keywords(call)) for call in fits)
    listed = [node for call in compiled for node in _items(keywords(call).get("metrics"))]
    names = ["loss", *dict.fromkeys(name for node in listed if (name := _keras_name(node, script.constants)))]
    parts = ("val_", "") if held_out else ("",)
    found = [part + name for part in parts for name in names]
    return Printed({rf"\b{name}: (?P<{name}>\S+)": [name] for name in found}, r"^Epoch (?P<step>\d+)/\d+")


def _keras_name(node: ast.expr, constants: dict[str, Any]) -> str:
    """The name that Keras prints a metric by: its text, its own name, or its class in lower case with underscores."""
    name = value_of(node, constants)
    if isinstance(node, ast.Call):
        name = value_of(keywords(node).get("name"), constants)
        if name is None:
            words = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", called(node).rpartition(".")[2])
            name = re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
    return name if isinstance(name, str) and name.isidentifier() else ""


def _bars(script: _Script) -> Printed:
    """Lightning's bar of an epoch, of what is logged for it: `Epoch 3: 100%|...| 5/5 [..., val_loss=0.4]`.

    With rich installed the bar is another: without a terminal it shows the last values alone, as `val_loss: 0.400`.
    """
    silent = any(script.given(call, "enable_progress_bar") is False for call in script.named("Trainer"))
    if silent or not script.uses("lightning", "pytorch_lightning") or script.named("RichProgressBar"):
        return Printed({})
    found: dict[str, list[str]] = {}
    for call in script.named("log", "log_dict"):
        if script.given(call, "prog_bar") is not True or not call.args:
            continue
        first = call.args[0]
        nodes = [key for key in first.keys if key is not None] if isinstance(first, ast.Dict) else [first]
        for label in (value_of(node, script.constants) for node in nodes):
            name = re.sub(r"\W", "_", label) if isinstance(label, str) else ""
            if name.isidentifier():
                shown = re.escape(str(label))
                bar = rf"^Epoch (?P<step>\d+): 100%.*[ ,]{shown}="
                found[rf"(?:{bar}|(?:^|\s){shown}: )(?P<{name}>[^,\]\s]+)"] = [name]
    return Printed(found)


def _rounds(script: _Script) -> Printed:
    """XGBoost: `[7]	val-rmse:0.25`; LightGBM: `[7]	val's rmse: 0.25`; for the named sets and metrics."""
    xgboost, lightgbm = script.uses("xgboost"), script.uses("lightgbm")
    if not xgboost and not lightgbm:
        return Printed({})
    sets = list(dict.fromkeys(name for call in script.named("train", "fit") for name in _sets(call, script)))
    word = "eval_metric" if xgboost else "metric"
    measures = list(dict.fromkeys(name for name in _measures(script, word) if re.fullmatch(r"[\w@.-]+", name)))
    if lightgbm and not xgboost and not script.named("log_evaluation", "print_evaluation"):
        return Printed({})
    found = {}
    for part in sets:
        for measure in measures:
            shown = f"{part}-{measure}:" if xgboost else f"{part}'s {measure}: "
            name = re.sub(r"\W", "_", f"{part}_{measure}")
            if name.isidentifier():
                found[rf"^\[(?P<step>\d+)\].*\b{_escaped(shown)}(?P<{name}>\S+)"] = [name]
    return Printed(found)


def _sets(call: ast.Call, script: _Script) -> Iterator[str]:
    """The names of the data that a booster is measured on after each round."""
    words = keywords(call)
    if "evals" in words:
        for pair in _items(words["evals"]):
            name = value_of(pair.elts[1], script.constants) if isinstance(pair, ast.Tuple) and pair.elts[1:] else None
            if isinstance(name, str):
                yield name
    elif "eval_set" in words:
        head = "validation" if script.uses("xgboost") else "valid"
        yield from (f"{head}_{i}" for i, _ in enumerate(_items(words["eval_set"])))
    elif "valid_sets" in words:
        names = value_of(words.get("valid_names"), script.constants)
        yield from (
            names if isinstance(names, list) else (f"valid_{i}" for i, _ in enumerate(_items(words["valid_sets"])))
        )


def _measures(script: _Script, word: str) -> Iterator[str]:
    """The measures that a booster's parameters name, in a dictionary or as an argument."""
    given = [keywords(call)[word] for call in script.calls if word in keywords(call)]
    for node in ast.walk(script.tree):
        for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
            if isinstance(key, ast.Constant) and key.value == word:
                given.append(value)
    for value in (value_of(node, script.constants) for node in given):
        yield from (name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str))


def _escaped(text: str) -> str:
    return re.escape(text).replace(r"\-", "-").replace(r"\ ", " ")


def _items(node: ast.expr | None) -> list[ast.expr]:
    return list(node.elts) if isinstance(node, ast.List | ast.Tuple) else []


def _values(call: ast.Call, constants: dict[str, Any]) -> list[Any]:
    return [value_of(node, constants) for node in (*call.args, *keywords(call).values())]


_READERS: tuple[Callable[[_Script], Printed], ...] = (_trainer, _rollouts, _epochs, _bars, _rounds)
