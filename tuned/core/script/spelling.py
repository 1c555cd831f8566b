"""How a parameter is typed for the option that takes it, so that the code gets the value that is recorded.

Owns the arguments for a value, for true and for false, and the refusal of values that an option cannot take.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tuned.core.errors import InvalidInput
from tuned.core.program.placeholders import value_text
from tuned.core.script.option import Option
from tuned.core.space import Value
from tuned.core.study import Spelling

_TRUE_FALSE = {"any_text": ("1", ""), "python": ("True", "False"), "literal": ("True", "False")}


def spelling_of(option: Option, name: str) -> Spelling:
    """How the parameter `name` is typed for this option.

    A switch of two flags is typed by the one or the other; `--no-bn` alone is typed when the code's own `bn` is to be
    false, or when a parameter named `no-bn` is true.
    """
    if option.kind == "flag":
        flag = option.flag
        if option.off:
            return Spelling("", (flag,), (option.off,))
        inverted = option.inverts and name.replace("-", "_") == option.dest
        return Spelling("", () if inverted else (flag,), (flag,) if inverted else ())
    prefix = f"{option.flag}=" if option.flag.startswith("--") or len(option.flag) > 2 else option.flag
    if option.kind in ("int", "float") and option.declared:
        words = ("1", "0")
    else:
        words = _TRUE_FALSE.get(option.truth, ("true", "false"))
    return Spelling(prefix, (prefix + words[0],), (prefix + words[1],), option.truth == "literal")


def check_values(option: Option, name: str, values: Sequence[Value], texts: Sequence[str], script: str) -> None:
    """Refuse values that the option certainly does not take, or that the code would get as something else.

    Args:
        option: The option that takes them.
        name: The parameter.
        values: Those that the parameter has: all of a choice, a range's ends and middle.
        texts: How each is typed.
        script: The script's name, for the message.

    Raises:
        InvalidInput: At the first such value.
    """
    where, shown = f"space.{name}", option.flag or option.name
    for value, text in zip(values, texts, strict=True):
        if option.kind == "flag":
            _check_switch(option, name, value, script)
        elif option.truth == "any_text" and option.declared and not isinstance(value, bool):
            raise InvalidInput(
                f"{script} takes {shown} with type=bool, which holds the text {json.dumps(text)} for "
                + ("true" if text else "false"),
                where=where,
                hint=f'write {name} = {{ type = "bool" }}',
            )
        elif not isinstance(value, bool):
            _check_text(option, value, text, where, script)


def _check_switch(option: Option, name: str, value: Value, script: str) -> None:
    where = f"space.{name}"
    if not isinstance(value, bool):
        hint = f'write {name} = {{ type = "bool" }}'
        raise InvalidInput(f"{script} takes {option.flag} without a value, not {value!r}", where=where, hint=hint)
    if option.off or option.truth:
        return
    inverted = option.inverts and name.replace("-", "_") == option.dest
    stays = option.on if not option.inverts else not option.on
    if stays and (value if inverted else not value):
        flag = option.flag if not option.inverts else f"--{option.dest.replace('_', '-')}"
        raise InvalidInput(
            f"nothing that is typed makes it {value_text(value)}: {script} has {option.flag} "
            f"{'on' if option.on else 'off'} by default, and no option that changes that",
            where=where,
            hint=f"drop it from the space, or declare {flag} with action=argparse.BooleanOptionalAction in {script}",
        )


def _check_text(option: Option, value: Value, text: str, where: str, script: str) -> None:
    shown = option.flag or option.name
    if option.truth == "literal" and option.kind == "float" and not isinstance(value, float):
        hint = 'use type = "float", or write it with a point'
        raise InvalidInput(f"{script} takes {shown} as a number with a point, not {value!r}", where=where, hint=hint)
    if option.declared and option.kind in ("int", "float"):
        try:
            (int if option.kind == "int" else float)(text)
        except ValueError:
            kind = "a whole number" if option.kind == "int" else "a number"
            hint = "write whole numbers" if option.kind == "int" and not isinstance(value, str) else f"write {kind}"
            if option.kind == "int" and isinstance(value, float):
                hint = 'use type = "int"'
            raise InvalidInput(f"{script} takes {shown} as {kind}, not {text!r}", where=where, hint=hint) from None
    if (option.least is not None and float(text) < option.least) or (
        option.most is not None and float(text) > option.most
    ):
        ends = [
            f"at {word} {end:g}" for word, end in (("least", option.least), ("most", option.most)) if end is not None
        ]
        raise InvalidInput(
            f"{script} takes for {shown} {' and '.join(ends)}, not {text}", where=where, hint="narrow the range"
        )
    if option.choices and not any(_same(choice, text) for choice in option.choices):
        known = ", ".join(str(choice) for choice in option.choices)
        raise InvalidInput(f"{script} does not take {text!r} for {shown}", where=where, hint=f"known: {known}")


def _same(choice: Value, text: str) -> bool:
    if isinstance(choice, str):
        return choice == text
    try:
        return float(choice) == float(text)
    except ValueError:
        return str(choice) == text
