"""Options that a class declares: dataclasses behind `tyro.cli` and `HfArgumentParser`, models of `LightningCLI`.

Owns how a field or a constructor's parameter becomes an option, each library in its own spelling.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from tuned.core.parsing import parsed_expression
from tuned.core.script.argparse_calls import kind_of
from tuned.core.script.literals import called, choices_of, dotted, keywords, one_line, scalar, value_of
from tuned.core.script.modules import Module
from tuned.core.script.option import How, Option, ScriptOptions, Truth

_PARSERS: dict[str, How] = {
    "tyro.cli": "tyro",
    "HfArgumentParser": "transformers",
    "LightningCLI": "lightning",
}
_TRAINER = (
    ("learning_rate", "float", 5e-5), ("weight_decay", "float", 0.0), ("num_train_epochs", "float", 3.0),
    ("per_device_train_batch_size", "int", 8), ("warmup_ratio", "float", 0.0), ("seed", "int", 42),
    ("output_dir", "text", None),
)  # fmt: skip
"""Of the many options of Hugging Face's TrainingArguments those that are customarily given, with its defaults."""


def class_options(script: Module, calls: list[ast.Call]) -> ScriptOptions | None:
    """The options of the first such parser in a script; None when it has none."""
    classes, constants = script.classes, script.constants
    for call in calls:
        name = called(call)
        how = _PARSERS.get(name, _PARSERS.get(name.rpartition(".")[2], ""))
        if not how:
            continue
        if how == "lightning":
            return ScriptOptions(how, tuple(_lightning(call, classes, constants)), ("fit",))
        named = [node for arg in call.args for node in (arg.elts if isinstance(arg, ast.Tuple | ast.List) else [arg])]
        found: dict[str, Option] = {}
        for node in named:
            own = _known(dotted(node), classes)
            if own in classes:
                found |= {o.name: o for o in _fields(classes[own], classes, constants, how)}
            elif own.endswith("TrainingArguments"):
                found |= {o.name: o for o in _trainer()}
        if found:
            return ScriptOptions(how, tuple(found.values()))
    return None


def _known(name: str, classes: dict[str, ast.ClassDef]) -> str:
    """The name that a class is known by: as it is written, as `module.Class` is, or its last part."""
    return name if name in classes else name.rpartition(".")[2]


def dataclass_options(
    node: ast.ClassDef, classes: dict[str, ast.ClassDef], constants: dict[str, Any]
) -> Iterator[Option]:
    """An `argparse` option for each of a dataclass's fields.

    Args:
        node: The class.
        classes: Those of the script, by name.
        constants: The script's top-level literals.
    """
    return _fields(node, classes, constants, "argparse")


def _fields(
    node: ast.ClassDef, classes: dict[str, ast.ClassDef], constants: dict[str, Any], how: How, prefix: str = ""
) -> Iterator[Option]:
    """A dataclass's fields, those of its bases first; a field that is a dataclass itself gives `--outer.inner`."""
    for base in node.bases:
        own = _known(dotted(base), classes)
        if own in classes:
            yield from _fields(classes[own], classes, constants, how, prefix)
        elif own.endswith("TrainingArguments"):
            yield from _trainer()
    for i, item in enumerate(node.body):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        inner = classes.get(_known(dotted(item.annotation), classes))
        if inner is not None:
            yield from _fields(inner, classes, constants, how, f"{prefix}{item.target.id}.")
            continue
        default, words = _default(item.value, constants)
        yield _option(
            prefix + item.target.id, item.annotation, default, item.value is None, words or _doc(node, i), how
        )


def _default(node: ast.expr | None, constants: dict[str, Any]) -> tuple[Any, str]:
    """A field's default and its help, also behind `field(default=..., metadata={"help": ...})`."""
    if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in ("field", "Field", "HfArg", "Arg"):
        keys = keywords(node)
        metadata = value_of(keys.get("metadata"), constants)
        known = metadata.get("help") if isinstance(metadata, dict) else value_of(keys.get("help"), constants)
        return value_of(keys.get("default"), constants), " ".join(str(known or "").split())
    return value_of(node, constants), ""


def _doc(node: ast.ClassDef, i: int) -> str:
    """The text right below a field, as tyro takes it for help."""
    below = node.body[i + 1] if i + 1 < len(node.body) else None
    return one_line(below.value, {}) if isinstance(below, ast.Expr) else ""


def _option(name: str, annotation: ast.expr, default: Any, required: bool, words: str, how: How) -> Option:
    kind, choices, many = annotated(annotation)
    typed = name.replace("_", "-") if how == "tyro" else name
    common: dict[str, Any] = {"dest": name, "help": words, "declared": True, "many": many, "required": required}
    if kind == "bool" and how == "tyro":
        head, _, last = typed.rpartition(".")
        off = f"--{head}.no-{last}" if head else f"--no-{last}"
        return Option(typed, f"--{typed}", "flag", scalar(default), on=default is True, off=off, **common)
    truth: Truth = "" if kind != "bool" else "unknown" if how == "argparse" else "words"
    shown = kind_of("text" if kind in ("bool", "str") else kind, default, choices)
    return Option(typed, f"--{typed}", shown, scalar(default), choices, truth=truth, **common)


def annotated(node: ast.expr) -> tuple[str, tuple[Any, ...], bool]:
    """`float`, `int`, `bool`, `str` or nothing of an annotation, its literal choices, and whether it holds several."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return annotated(parsed_expression(node.value))
        except SyntaxError:
            return "", (), False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [
            side for side in (node.left, node.right) if not (isinstance(side, ast.Constant) and side.value is None)
        ]
        return annotated(sides[0]) if len(sides) == 1 else ("", (), False)
    if isinstance(node, ast.Subscript):
        outer = dotted(node.value).rpartition(".")[2]
        if outer in ("Optional", "Annotated", "Final"):
            return annotated(node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice)
        if outer == "Literal":
            values = choices_of(
                value_of(node.slice, {}) if isinstance(node.slice, ast.Tuple) else [value_of(node.slice, {})]
            )
            return "", values, False
        return "", (), outer.lower() in ("list", "tuple", "sequence", "set")
    name = dotted(node).rpartition(".")[2]
    return (name, (), False) if name in ("float", "int", "bool", "str") else ("", (), False)


def _trainer() -> Iterator[Option]:
    for name, kind, default in _TRAINER:
        required = name == "output_dir"
        yield Option(name, f"--{name}", kind, default, required=required, dest=name, declared=True)  # type: ignore[arg-type]


def _lightning(call: ast.Call, classes: dict[str, ast.ClassDef], constants: dict[str, Any]) -> Iterator[Option]:
    """The parameters of the model's and the data module's constructors, the trainer's length and its folder."""
    keys = keywords(call)
    places = [("model", 0, "model_class"), ("data", 1, "datamodule_class")]
    for prefix, place, word in places:
        node = call.args[place] if len(call.args) > place else keys.get(word)
        owner = classes.get(_known(dotted(node), classes)) if node is not None else None
        init = (
            next((f for f in owner.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"), None)
            if owner
            else None
        )
        if init is None:
            continue
        given = [*init.args.posonlyargs, *init.args.args][1:]
        defaults: list[ast.expr | None] = [*[None] * (len(given) - len(init.args.defaults)), *init.args.defaults]
        pairs = [*zip(given, defaults, strict=True), *zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)]
        for parameter, default in pairs:
            annotation = parameter.annotation or ast.Constant(None)
            value = value_of(default, constants)
            yield _option(f"{prefix}.{parameter.arg}", annotation, value, default is None, "", "lightning")
    for name, kind in (("trainer.max_epochs", "int"), ("trainer.default_root_dir", "text")):
        yield Option(name, f"--{name}", kind, None, dest=name, declared=True)  # type: ignore[arg-type]
