"""A study's specification as a study file again.

Owns that translation: what `show --toml` prints can be submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuned.core.toml.values import key, value

_RUN_KEYS = (
    "start",
    "python",
    "cwd",
    "env",
    "preload",
    "timeout",
    "grace",
    "retries",
    "limits",
    "preemptible",
    "place",
)


def study_file(spec: Mapping[str, Any]) -> str:
    """The text of a study file that means this specification.

    Args:
        spec: The result of `StudySpec.to_dict` gives.
    """
    lines = [f"name = {value(spec['name'])}"]
    if spec.get("question"):
        lines.append(f"question = {value(spec['question'])}")
    if spec.get("priority"):
        lines.append(f"priority = {value(spec['priority'])}")
    if spec.get("urgent"):
        lines.append("urgent = true")
    lines += ["", "[run]", *_run(spec["run"])]
    lines += _metrics(spec)
    for objective in spec.get("objectives", []):
        lines += ["", "[objective]" if len(spec["objectives"]) == 1 else "[[objective]]", *_objective(objective)]
    for constraint in spec.get("constraints", []):
        lines += ["", "[[constraint]]"]
        lines += [f"{name} = {value(content)}" for name, content in constraint.items() if content is not None]
    parameters = spec["space"]["parameters"]
    if parameters:
        lines += ["", "[space]", *(f"{key(p['name'])} = {_parameter(p)}" for p in parameters)]
    for constraint in spec["space"].get("constraints", []):
        lines += ["", "[[space_constraint]]"]
        lines += [f"{name} = {value(content)}" for name, content in constraint.items() if content is not None]
    lines += ["", *_search(spec["search"])]
    if spec.get("early_stopping"):
        given = {name: content for name, content in spec["early_stopping"].items() if content is not None}
        lines += ["", "[early_stopping]", *(f"{name} = {value(content)}" for name, content in given.items())]
    for table in ("finalize", "test", "playbook"):
        if spec.get(table):
            given = {name: content for name, content in spec[table].items() if content not in ([], {}, "")}
            lines += ["", f"[{table}]", *(f"{name} = {value(content)}" for name, content in given.items())]
    if spec.get("notify"):
        lines += ["", "[notify]", *(f"{name} = {value(content)}" for name, content in spec["notify"].items())]
    return "\n".join(lines) + "\n"


def _run(run: Mapping[str, Any]) -> list[str]:
    found: dict[str, Any] = {}
    if run["kind"] == "command":
        found["command"] = run["command"]
    elif run["kind"] == "function":
        found["function"] = f"{run['script']}:{run['function']}"
    elif run.get("module"):
        found["module"] = run["module"]
    else:
        found["script"] = run["script"]
    if run.get("args"):
        found["args"] = run["args"]
    for name in _RUN_KEYS:
        if run.get(name) not in (None, {}, [], ""):
            found[name] = run[name]
    resources = {name: run[name] for name in ("cpus", "gpus", "gpu_memory") if run.get(name) is not None}
    if run.get("share", "auto") != "auto":
        resources["share"] = run["share"]
    if resources:
        found["resources"] = resources
    if run.get("code") == "snapshot":
        found["code"] = "snapshot"
        if run["data"]:
            found["data"] = [f"{run['tree']}/{path}" for path in run["data"]]
    if run.get("config"):
        found["config"] = [{"from": c["source"], "to": c["target"], "set": c["values"]} for c in run["config"]]
    if run.get("resume"):
        found["resume"] = run["resume"]
    if run.get("folds"):
        found["folds"] = run["folds"]
    return [f"{name} = {value(content)}" for name, content in found.items()]


def _metrics(spec: Mapping[str, Any]) -> list[str]:
    patterns: Sequence[Mapping[str, Any]] = spec.get("patterns", [])
    streams: dict[str, list[str]] = {}
    for pattern in patterns:
        streams.setdefault(pattern["stream"], []).append(pattern["regex"])
    names = {"both": "patterns", "stdout": "stdout", "stderr": "stderr"}
    lines = [f"{names[stream]} = {value(found)}" for stream, found in streams.items()]
    files: dict[str, list[str]] = {}
    for file in spec.get("metric_files", []):
        files.setdefault(file["kind"], []).append(file["path"])
    lines += [f"{kind} = {value(paths)}" for kind, paths in files.items()]
    if spec.get("rename"):
        lines.append(f"rename = {value(spec['rename'])}")
    if spec.get("predictions"):
        lines.append(f"predictions = {value(spec['predictions'])}")
    return ["", "[metrics]", *lines] if lines else []


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
    if parameter.get("likely") is not None:
        found["likely"] = parameter["likely"]
    if parameter["when"]:
        found["when"] = {parent: v[0] if len(v) == 1 else v for parent, v in parameter["when"]}
    if parameter["role"] != ("fixed" if kind == "fixed" else "nuisance"):
        found["role"] = parameter["role"]
    return value(found)


def _search(search: Mapping[str, Any]) -> list[str]:
    lines = ["[search]"]
    given = [name for name in ("method", "trials", "budget", "parallel", "lag", "seed") if search.get(name) is not None]
    if search.get("phases"):
        given.remove("method")
    if search["method"] == "grid" and not search.get("phases"):
        given.append("levels")
    lines += [f"{name} = {value(search[name])}" for name in given]
    if search.get("sources"):
        lines.append(f"from = {value(search['sources'])}")
    for phase in search.get("phases", []):
        lines += ["", "[[search.phase]]"]
        lines += [f"{name} = {value(content)}" for name, content in phase.items() if content is not None]
    for label, point in search.get("points", []):
        lines += ["", "[[search.point]]"]
        if label:
            lines.append(f"label = {value(label)}")
        lines += [f"{key(name)} = {value(content)}" for name, content in point.items()]
    return lines
