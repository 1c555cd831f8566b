"""From a study's `args`, `command` and `env` and one trial to the exact argument list and environment.

Owns rendering and the check that every parameter reaches the trial. One list item stays one argument; no shell is
ever involved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tuned.core.errors import InvalidInput
from tuned.core.playbook.spec import FINALIZE_STAGE, TEST_STAGE
from tuned.core.program.hydra_text import override
from tuned.core.program.placeholders import (
    CONTEXT_NAMES,
    LITERAL,
    PARAMS,
    Placeholder,
    check_placeholder,
    formatted,
    parse_template,
    plain_number,
    recorded_value,
    rounded_value,
    value_text,
)
from tuned.core.space import Point, SearchSpace, Value
from tuned.core.study import Argument, ConfigFile, RunSpec, Spelling, StudySpec
from tuned.protocol import environment_name


@dataclass(frozen=True, slots=True)
class ArgumentContext:
    """The values of one attempt's placeholders.

    Paths are absolute, `params` holds the active parameters; `resume` is the checkpoint that the attempt goes on from,
    empty when it begins from the start.
    """

    params: Point
    number: int
    seed: int
    study: str
    attempt: int
    stage: str
    run_dir: str
    checkpoint_dir: str
    port: int = 0
    fold: int = 0
    resume: str = ""

    def value(self, name: str) -> Value:
        """The active parameter of this name, or else the trial's own word for it."""
        return self.params[name] if name in self.params else str(getattr(self, name))


def placeholders(item: Argument, where: str = "run.args") -> tuple[Placeholder, ...]:
    """The placeholders of one argument or group, in order."""
    texts = (item,) if isinstance(item, str) else item
    return tuple(p for text in texts for p in parse_template(text, where) if isinstance(p, Placeholder))


def names_used(item: Argument) -> set[str]:
    """Names of the placeholders in one argument or group; `params` for `{params}` in any style."""
    return {placeholder.name for placeholder in placeholders(item)}


def render(spec: StudySpec, context: ArgumentContext) -> list[str]:
    """The argument list of a trial: a script's arguments, or a whole command.

    `{params}` gives the arguments of each active parameter that no other placeholder names. An attempt that goes on
    from a checkpoint gets those of `[run.resume]`, too.
    """
    items = spec.run.command if spec.run.kind == "command" else spec.run.args
    items = (*items, *_of_stage(spec, context.stage))
    if context.resume and spec.run.resume is not None:
        items = (*items, *spec.run.resume.args)
    named = _named(spec.run, spec.space)
    arguments: list[str] = []
    for item in items:
        if isinstance(item, str):
            arguments += _render_text(item, spec, context, named)
        elif _applies(item, spec.space, context):
            for text in item:
                arguments += _render_text(text, spec, context, named)
    return arguments


def _applies(group: Argument, space: SearchSpace, context: ArgumentContext) -> bool:
    """Whether a group has all of its parameters, and its fold or checkpoint where it names one."""
    used = names_used(group)
    if "resume" in used and "resume" not in space.names and not context.resume:
        return False
    folded = "fold" not in used or "fold" in space.names or context.fold > 0
    return folded and all(name in context.params for name in used & set(space.names))


def _of_stage(spec: StudySpec, stage: str) -> tuple[Argument, ...]:
    """The arguments that the last stages add: the final training, and the look at the test set that follows it."""
    final = spec.finalize.args if spec.finalize is not None and stage == FINALIZE_STAGE else ()
    look = spec.test.args if spec.test is not None and stage == TEST_STAGE else ()
    return (*final, *look)


def render_env(spec: StudySpec, context: ArgumentContext) -> dict[str, str]:
    """The study's own environment variables for a trial."""
    return {name: "".join(_pieces(text, spec.space, context)) for name, text in spec.run.env.items()}


def render_text(spec: StudySpec, text: str, context: ArgumentContext) -> str:
    """One text of the study, such as a path, for a trial."""
    return "".join(_pieces(text, spec.space, context))


def render_config(spec: StudySpec, config: ConfigFile, context: ArgumentContext) -> dict[str, Value]:
    """Dotted key -> value of a file that is written for a trial; keys of inactive parameters are left as they are.

    A text that is one placeholder gives the parameter's own type.
    """
    values: dict[str, Value] = {}
    for path, text in config.values.items():
        if not all(name in context.params for name in names_used(text) & set(spec.space.names)):
            continue
        pieces = parse_template(text)
        alone = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], Placeholder) else None
        if alone is None or alone.name not in spec.space.names:
            values[path] = render_text(spec, text, context)
        elif alone.spec and alone.spec != LITERAL:
            parameter = spec.space[alone.name]
            values[path] = rounded_value(parameter, context.params[alone.name], alone.spec)
        else:
            values[path] = context.params[alone.name]
    return values


def env_needs_trial(run: RunSpec) -> bool:
    """Whether an `env` value differs from trial to trial, so that such a trial cannot be forked warm."""
    return any(names_used(text) for text in run.env.values())


def recorded(spec: StudySpec, point: Point) -> Point:
    """The point as it is stored and searched on: values that reach the trial rounded are rounded alike.

    Applying it twice changes nothing. Of several formats for one parameter the first counts.
    """
    formats: dict[str, str] = {}
    for _, item in items_of(spec.run):
        for placeholder in placeholders(item):
            if placeholder.spec not in ("", LITERAL) and placeholder.name in spec.space.names:
                formats.setdefault(placeholder.name, placeholder.spec)
    if not formats:
        return dict(point)
    return {
        name: recorded_value(spec.space[name], value, formats[name]) if name in formats else value
        for name, value in point.items()
    }


def items_of(run: RunSpec) -> Iterator[tuple[str, Argument]]:
    """Everything that may hold placeholders, with its key's path."""
    for i, item in enumerate(run.command):
        yield f"run.command.{i}", item
    for i, item in enumerate(run.args):
        yield f"run.args.{i}", item
    for name, text in run.env.items():
        yield f"run.env.{name}", text
    for i, config in enumerate(run.config):
        yield f"run.config.{i}.to", config.target
        for path, text in config.values.items():
            yield f"run.config.{i}.set.{path}", (text,)
    if run.resume is not None:
        yield "run.resume.when", run.resume.when
        for i, item in enumerate(run.resume.args):
            yield f"run.resume.args.{i}", item


def all_names(spec: StudySpec) -> set[str]:
    """Names of every placeholder of the study: in arguments, variables, configs and the paths of its metrics."""
    paths = [file.path for file in spec.metric_files] + ([spec.predictions] if spec.predictions else [])
    texts = [*(item for _, item in items_of(spec.run)), *paths]
    stages = [item for stage in (spec.finalize, spec.test) if stage is not None for item in stage.args]
    return {name for item in (*texts, *stages) for name in names_used(item)}


def check_text(where: str, text: str, space: SearchSpace) -> set[str]:
    """Refuse placeholders of one text that name nothing, or that some trials have no value for; the names in it.

    Raises:
        InvalidInput: At the first such placeholder.
    """
    return _check_item(where, text, space)


def check_arguments(run: RunSpec, space: SearchSpace, *, taken_by_code: bool) -> None:
    """Refuse placeholders that name nothing, and parameters that reach nothing.

    Args:
        run: With placeholders unrendered.
        space: The names that placeholders may use.
        taken_by_code: Whether the user's code reads parameters by itself (through `tuned` or `TUNED_*`).

    Raises:
        InvalidInput: The first of: an unknown placeholder, `{params}` inside a longer text or in `env`, a conditional
            parameter outside a group, a parameter that nothing names although others are named.
    """
    reached: set[str] = set()
    for where, item in items_of(run):
        reached |= _check_item(where, item, space)
    if not reached or PARAMS in reached or taken_by_code:
        return
    for parameter in reversed(space.parameters):
        if parameter.name in reached:
            # Which groups are left out is up to it.
            reached |= {parent for parent, _ in parameter.when}
    for parameter in space.tunable:
        if parameter.name not in reached:
            raise InvalidInput(
                "reaches nothing",
                where=f"space.{parameter.name}",
                hint=f"use {{{parameter.name}}} or {{params}} in the arguments, or drop it from the space",
            )


def _check_item(where: str, item: Argument, space: SearchSpace) -> set[str]:
    reached: set[str] = set()
    for placeholder in placeholders(item, where):
        check_placeholder(placeholder, space, where)
        name = placeholder.name
        if name in space.names or name == PARAMS:
            reached.add(name)
        elif name == "resume" and not where.startswith("run.resume.args") and not _is_group(where, item):
            hint = 'write it in run.resume.args, or in a group that is left out then: ["--resume", "{resume}"]'
            raise InvalidInput("{resume} is empty until there is a checkpoint", where=where, hint=hint)
        if name == PARAMS:
            _check_params_alone(where, item)
        elif isinstance(item, str) and name in space.names and not _always_active(name, space):
            raise InvalidInput(f"{name} is inactive in some trials", where=where, hint=_inactive_remedy(where, name))
    return reached


def _is_group(where: str, item: Argument) -> bool:
    return _is_argument(where) and not isinstance(item, str)


def _inactive_remedy(where: str, name: str) -> str:
    if where.startswith("run.env"):
        return f"read TUNED_PARAM_{environment_name(name)} instead"
    if _is_argument(where):
        return f'put it into a group that is left out then, such as ["--{name}", "{{{name}}}"]'
    return "use {number} instead"


def _is_argument(where: str) -> bool:
    return where.startswith(("run.args", "run.command", "run.resume.args"))


def _check_params_alone(where: str, item: Argument) -> None:
    texts = (item,) if isinstance(item, str) else item
    for text in texts:
        pieces = parse_template(text, where)
        if any(isinstance(p, Placeholder) and p.name == PARAMS for p in pieces) and len(pieces) > 1:
            raise InvalidInput("{params} becomes several arguments", where=where, hint="let it be an item of its own")
    if not _is_argument(where):
        raise InvalidInput("{params} is for arguments", where=where, hint="TUNED_PARAMS holds them as JSON")


def _always_active(name: str, space: SearchSpace) -> bool:
    for parent, values in space[name].when:
        fixed = space[parent].kind == "fixed" and space[parent].values[0] in values
        if not fixed or not _always_active(parent, space):
            return False
    return True


def _named(run: RunSpec, space: SearchSpace) -> set[str]:
    return {p.name for _, item in items_of(run) for p in placeholders(item)} & set(space.names)


def _render_text(text: str, spec: StudySpec, context: ArgumentContext, named: set[str]) -> list[str]:
    pieces = parse_template(text)
    alone = pieces[0] if len(pieces) == 1 and isinstance(pieces[0], Placeholder) else None
    if alone is not None and alone.name == PARAMS:
        return _spread(alone.spec, context.params, named, spec.run.spelling)
    rendered = "".join(_pieces(text, spec.space, context))
    number = alone is not None and alone.spec[-1:] not in ("e", "E") and not isinstance(context.value(alone.name), str)
    return [plain_number(rendered) if number else rendered]


def _spread(style: str, params: Point, named: set[str], spelling: Mapping[str, Spelling]) -> list[str]:
    arguments: list[str] = []
    for name, value in params.items():
        if name in named:
            continue
        if style == "hydra":
            arguments.append(override(name, value))
        elif style == "python":
            arguments.append(f"--{name}={value!r}")
        elif name in spelling:
            arguments += typed(spelling[name], value)
        elif style == "flags" and isinstance(value, bool):
            arguments += [f"--{name}"] if value else []
        else:
            arguments.append(f"--{name}={value_text(value)}")
    return arguments


def typed(spelling: Spelling, value: Value) -> tuple[str, ...]:
    """The arguments that hand a value to the script's own option."""
    if isinstance(value, bool):
        return spelling.on if value else spelling.off
    return (spelling.prefix + (repr(value) if spelling.python else value_text(value)),)


def _pieces(text: str, space: SearchSpace, context: ArgumentContext) -> Iterator[str]:
    for piece in parse_template(text):
        if isinstance(piece, str):
            yield piece
        elif piece.name in space.names:
            yield formatted(context.params[piece.name], piece.spec)
        else:
            assert piece.name in CONTEXT_NAMES, piece.name
            yield str(getattr(context, piece.name))
