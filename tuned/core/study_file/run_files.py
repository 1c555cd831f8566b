"""The parts of a study file that are about a trial's files: the copied tree, configs, what to resume from, metrics.

Owns their checks: that every path is each trial's own, and that every key and parameter is one that is there.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from tuned.core.errors import InvalidInput
from tuned.core.files import Files, unreadable
from tuned.core.names import nearest
from tuned.core.program.arguments import check_text, names_used
from tuned.core.program.config_text import FORMATS, format_of, set_values
from tuned.core.program.placeholders import Placeholder, parse_template
from tuned.core.space import SearchSpace, Value
from tuned.core.study import ConfigFile, MetricFile, Resume
from tuned.core.study_file.models import ConfigTable, MetricsTable, RunTable
from tuned.protocol import RECORDS

OWN = frozenset({"run_dir", "checkpoint_dir", "number"})
"""Placeholders that make a path one trial's own."""


def tree_of(table: RunTable, cwd: str, script: str | None, files: Files) -> str:
    """The folder that a snapshot is made of: the repository that `cwd` lies in, or `cwd` itself; empty when live.

    Raises:
        InvalidInput: The script lies outside.
    """
    if table.code == "live":
        if table.data:
            raise InvalidInput("is for snapshots", where="run.data", hint='add code = "snapshot", or drop it')
        return ""
    tree, folder = cwd, cwd
    while True:
        if files.is_dir(posixpath.join(folder, ".git")) or files.is_file(posixpath.join(folder, ".git")):
            tree = folder
            break
        if folder == "/":
            break
        folder = posixpath.dirname(folder)
    if script is not None and not within(script, tree):
        raise InvalidInput(
            f"{script} lies outside {tree}, which the snapshot is made of", where="run.script", hint="set run.cwd"
        )
    return tree


def data_of(table: RunTable, base: str, tree: str, files: Files) -> tuple[str, ...]:
    """Paths within the tree that are linked into each trial's copy.

    Raises:
        InvalidInput: There is nothing there, or it lies outside of the tree.
    """
    found = []
    for i, typed in enumerate(table.data):
        path, where = posixpath.normpath(posixpath.join(base, typed)), f"run.data.{i}"
        if not files.is_dir(path) and not files.is_file(path):
            raise InvalidInput(f"there is no {path}", where=where, hint="paths start from the study file's folder")
        if not within(path, tree) or path == tree:
            raise InvalidInput(
                f"{path} is no part of {tree}, which is copied", where=where, hint="use its absolute path in the code"
            )
        found.append(posixpath.relpath(path, tree))
    return tuple(found)


def within(path: str, folder: str) -> bool:
    """Whether a normalised path is the folder, or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def configs_of(
    tables: Sequence[ConfigTable], base: str, own_cwd: bool, space: SearchSpace, files: Files
) -> tuple[ConfigFile, ...]:
    """The files to write for each trial; each was written once, with the parameters' first values, to see that it can.

    Args:
        tables: The study file's.
        base: Absolute folder that relative paths start from.
        own_cwd: Whether each trial has a working folder of its own.
        space: The names that values may use.
        files: Where the files can be read.

    Raises:
        InvalidInput: The fault and its key.
    """
    found: list[ConfigFile] = []
    for i, table in enumerate(tables):
        where = f"run.config.{i}"
        source = posixpath.normpath(posixpath.join(base, table.source))
        if not files.is_file(source):
            hint = "paths start from the study file's folder"
            raise InvalidInput(f"there is no file {source}", where=f"{where}.from", hint=hint)
        form = format_of(source)
        if form is None:
            raise InvalidInput(
                f"{source} is of no known format", where=f"{where}.from", hint=f"use {', '.join(FORMATS)}"
            )
        _check_own(table.target, f"{where}.to", own_cwd, space)
        _check_format(table.target, form, f"{where}.to")
        if any(other.target == table.target for other in found):
            raise InvalidInput("is written twice", where=f"{where}.to", hint="give each file its own path")
        values = {path: _source(text, space, f"{where}.set.{path}") for path, text in table.values.items()}
        try:
            text = files.read_text(source)
        except OSError as error:
            raise unreadable("it", f"{where}.from", error) from None
        set_values(text, form, {path: _sample(template, space) for path, template in values.items()}, where)
        found.append(ConfigFile(source, table.target, values))
    return tuple(found)


def _source(text: str, space: SearchSpace, where: str) -> str:
    """A parameter's name, or a text with placeholders, as a template."""
    if text in space.names:
        return f"{{{text}}}"
    if not any(isinstance(piece, Placeholder) for piece in parse_template(text, where)):
        hint = nearest(text, space.names) + "; a value that never changes belongs into the file itself"
        raise InvalidInput(f"{text!r} names no parameter", where=where, hint=hint)
    return text


def _sample(template: str, space: SearchSpace) -> Value:
    name = next((n for n in names_used(template) if n in space.names), None)
    if name is None:
        return template
    parameter = space[name]
    value = parameter.low if parameter.low is not None else parameter.values[0]
    return value


def _check_format(path: str, form: str, where: str) -> None:
    """Refuse a file that its reader would take for another format than it is written in."""
    named = format_of(path)
    if named not in (None, form) and (form, named) != ("json", "yaml"):  # all JSON is YAML
        raise InvalidInput(f"is {form.upper()}, as the file it is made from", where=where, hint=f"name it .{form}")


def _check_own(path: str, where: str, own_cwd: bool, space: SearchSpace) -> None:
    """Refuse a path that all trials share, that leaves its folder, or that is a record of the run directory."""
    check_text(where, path, space)
    if ".." in path.split("/"):
        raise InvalidInput("leads out of its folder", where=where, hint="write it without ..")
    folder, name = posixpath.split(posixpath.normpath(path))
    if folder.replace(" ", "") == "{run_dir}" and name in RECORDS:
        hint = f"write {{run_dir}}/work/{name}"
        raise InvalidInput(f"{name} is a record of the run directory itself", where=where, hint=hint)
    if names_used(path) & OWN or (own_cwd and not posixpath.isabs(path)):
        return
    hint = f"begin it with {{run_dir}}/work/, such as {{run_dir}}/work/{posixpath.basename(path) or 'log'}"
    raise InvalidInput("is the same file for every trial", where=where, hint=hint)


def resume_of(table: RunTable, own_cwd: bool, space: SearchSpace) -> Resume | None:
    """The arguments that are added when an earlier attempt has left a checkpoint.

    Raises:
        InvalidInput: The file is not one trial's, or cannot outlive an attempt.
    """
    if table.resume is None:
        return None
    if table.function is not None:
        hint = "look for it in trial.checkpoint_dir"
        raise InvalidInput("a function takes no args", where="run.resume", hint=hint)
    when = table.resume.when
    check_text("run.resume.when", when, space)
    if "run_dir" in names_used(when) or "attempt" in names_used(when):
        raise InvalidInput(
            "run_dir is new with every attempt", where="run.resume.when", hint="use {checkpoint_dir}/last.pt"
        )
    if not names_used(when) & OWN and (posixpath.isabs(when) or not own_cwd):
        raise InvalidInput(
            "is the same file for every trial", where="run.resume.when", hint="use {checkpoint_dir}/last.pt"
        )
    return Resume(when, table.resume.args)


def metric_files_of(table: MetricsTable, own_cwd: bool, space: SearchSpace) -> tuple[MetricFile, ...]:
    """The files that metrics are read from.

    Raises:
        InvalidInput: A path is shared by all trials.
    """
    found = []
    for kind in ("jsonl", "csv", "tensorboard"):
        paths: tuple[str, ...] = getattr(table, kind)
        for i, path in enumerate(paths):
            where = f"metrics.{kind}" if len(paths) == 1 else f"metrics.{kind}.{i}"
            _check_own(path, where, own_cwd, space)
            found.append(MetricFile(kind, path))
    return tuple(found)


def predictions_of(table: MetricsTable, own_cwd: bool, space: SearchSpace) -> str | None:
    """The file with predictions that each trial leaves.

    Raises:
        InvalidInput: It is shared by all trials, or no `.npz`.
    """
    path = table.predictions
    if path is not None:
        _check_own(path, "metrics.predictions", own_cwd, space)
        if not path.endswith(".npz"):
            hint = "write it with numpy.savez(path, probabilities=..., targets=...)"
            raise InvalidInput("is no .npz file", where="metrics.predictions", hint=hint)
    return path


def renames_of(table: MetricsTable) -> dict[str, str]:
    """Old name -> new name of metrics.

    Raises:
        InvalidInput: Two names become one.
    """
    seen: dict[str, str] = {}
    for old, new in table.rename.items():
        if new in seen:
            hint = "give each its own name"
            raise InvalidInput(f"{seen[new]} and {old} would both be {new}", where=f"metrics.rename.{old}", hint=hint)
        seen[new] = old
    return dict(table.rename)


def config_text(config: ConfigFile, text: str, values: Mapping[str, Any], where: str = "run.config") -> str:
    """The file of one trial, from the text of its source and the values at its dotted keys."""
    form = format_of(config.source)
    assert form is not None
    return set_values(text, form, values, where)
