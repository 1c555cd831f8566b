"""A study's specification as a study file again.

Owns that translation: what `show --toml` prints can be submitted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_RUN_KEYS = ("start", "python", "cwd", "env", "preload", "timeout", "grace", "retries")


def study_file(spec: Mapping[str, Any]) -> str:
    """The text of a study file that means this specification.

    Args:
        spec: What `StudySpec.to_dict` gives.
    """
    lines = [f"name = {value(spec['name'])}"]
    if spec.get("question"):
        lines.append(f"question = {value(spec['question'])}")
    if spec.get("priority"):
        lines.append(f"priority = {value(spec['priority'])}")
    lines += ["", "[run]", *_run(spec["run"])]
    lines += _metrics(spec.get("patterns", []))
    for objective in spec.get("objectives", []):
        lines += ["", "[objective]" if len(spec["objectives"]) == 1 else "[[objective]]", *_objective(objective)]
    for constraint in spec.get("constraints", []):
        lines += ["", "[[constraint]]"]
        lines += [f"{name} = {value(content)}" for name, content in constraint.items() if content is not None]
    parameters = spec["space"]["parameters"]
    if parameters:
        lines += ["", "[space]", *(f"{key(p['name'])} = {_parameter(p)}" for p in parameters)]
    lines += ["", *_search(spec["search"])]
    if spec.get("early_stopping"):
        given = {name: content for name, content in spec["early_stopping"].items() if content is not None}
        lines += ["", "[early_stopping]", *(f"{name} = {value(content)}" for name, content in given.items())]
    return "\n".join(lines) + "\n"


def _run(run: Mapping[str, Any]) -> list[str]:
    found: dict[str, Any] = {}
    if run["kind"] == "command":
        found["command"] = run["command"]
    elif run["kind"] == "function":
        found["function"] = f"{run['script']}:{run['function']}"
    else:
        found["script"] = run["script"]
    if run.get("args"):
        found["args"] = run["args"]
    for name in _RUN_KEYS:
        if run.get(name) not in (None, {}, []):
            found[name] = run[name]
    resources = {name: run[name] for name in ("cpus", "gpus") if run.get(name) is not None}
    if resources:
        found["resources"] = resources
    return [f"{name} = {value(content)}" for name, content in found.items()]


def _metrics(patterns: Sequence[Mapping[str, Any]]) -> list[str]:
    if not patterns:
        return []
    streams: dict[str, list[str]] = {}
    for pattern in patterns:
        streams.setdefault(pattern["stream"], []).append(pattern["regex"])
    names = {"both": "patterns", "stdout": "stdout", "stderr": "stderr"}
    return ["", "[metrics]", *(f"{names[stream]} = {value(found)}" for stream, found in streams.items())]


def _objective(objective: Mapping[str, Any]) -> list[str]:
    summary = objective["summary"]
    found = {
        "metric": objective["metric"],
        "direction": objective["direction"],
        "summary": {"mean_last": objective["last_n"]} if summary == "mean_last" else summary,
    }
    if objective.get("train"):
        found["train"] = objective["train"]
    return [f"{name} = {value(content)}" for name, content in found.items()]


def _parameter(parameter: Mapping[str, Any]) -> str:
    kind = parameter["kind"]
    found: dict[str, Any] = {"type": kind}
    if kind in ("float", "int"):
        found |= {"low": parameter["low"], "high": parameter["high"]}
        if parameter["log"]:
            found["log"] = True
    elif kind == "choice":
        found["values"] = parameter["values"]
        if parameter["ordered"]:
            found["ordered"] = True
    elif kind == "fixed":
        found["value"] = parameter["values"][0]
    if parameter["when"]:
        found["when"] = {parent: v[0] if len(v) == 1 else v for parent, v in parameter["when"]}
    if parameter["role"] != ("fixed" if kind == "fixed" else "nuisance"):
        found["role"] = parameter["role"]
    return value(found)


def _search(search: Mapping[str, Any]) -> list[str]:
    lines = ["[search]"]
    given = [name for name in ("method", "trials", "budget", "parallel", "seed") if search.get(name) is not None]
    if search.get("phases"):
        given.remove("method")
    if search["method"] == "grid" and not search.get("phases"):
        given.append("levels")
    lines += [f"{name} = {value(search[name])}" for name in given]
    for phase in search.get("phases", []):
        lines += ["", "[[search.phase]]"]
        lines += [f"{name} = {value(content)}" for name, content in phase.items() if content is not None]
    for label, point in search.get("points", []):
        lines += ["", "[[search.point]]"]
        if label:
            lines.append(f"label = {value(label)}")
        lines += [f"{key(name)} = {value(content)}" for name, content in point.items()]
    return lines


def key(name: str) -> str:
    """A key, quoted when TOML would split or refuse it."""
    return name if _BARE.fullmatch(name) else value(name)


def value(content: Any) -> str:
    """A value as TOML writes it: tables inline, text quoted."""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, Mapping):
        inner = ", ".join(f"{key(name)} = {value(entry)}" for name, entry in content.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(content, list | tuple):
        return "[" + ", ".join(value(entry) for entry in content) + "]"
    if isinstance(content, str):
        # JSON's escapes are TOML's, but for DEL, which TOML wants escaped, too.
        return json.dumps(content, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(content)
