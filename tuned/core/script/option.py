"""One option of a script as its text declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["float", "int", "text", "flag"]
Truth = Literal["", "any_text", "words", "python", "literal", "unknown"]
How = Literal[
    "argparse", "click", "typer", "fire", "absl", "tyro", "transformers", "lightning", "globals", "tuned", "hydra",
    "environment", "",
]  # fmt: skip
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: As it is typed, without leading dashes; dashes within are kept.
        flag: With its dashes, e.g. `--lr`; empty for a positional argument, and for a parameter taken through the SDK.
        kind: `flag` takes no value.
        default: None when the text does not give it.
        choices: Allowed values; empty for all.
        many: It takes several values.
        help: Its own words.
        positional: It stands alone, without a flag.
        on: For a flag: its value without being given (`store_false` is on).
        dest: The code's own name for the value.
        off: The flag that switches it off, e.g. `--no-bn`; empty where there is none.
        inverts: A flag that makes `dest` false.
        declared: Whether its type is declared rather than guessed from its default.
        truth: How its reader takes a true or false value: `any_text` holds every text but the empty one for true
            (`type=bool`), `words` reads true and false, `python` the literals True and False, `literal` every value as
            a Python literal, `unknown` is a function of the script's.
        before: It is the program's own, and stands before the subcommand.
        least: The smallest number that it declares to take; None: it says nothing.
        most: The largest.
    """

    name: str
    flag: str
    kind: Kind
    default: Value | None = None
    choices: tuple[Value, ...] = ()
    required: bool = False
    many: bool = False
    help: str = ""
    positional: bool = False
    on: bool = False
    dest: str = ""
    off: str = ""
    inverts: bool = False
    declared: bool = False
    truth: Truth = ""
    before: bool = False
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class ScriptOptions:
    """A script's options, and the library that reads them.

    Attributes:
        how: The library, `globals` for a file that overwrites the script's own, or `environment` for variables that it
            reads; empty when none was found.
        command: The subcommand that trains, such as `fit`; empty without subcommands.
    """

    how: How
    options: tuple[Option, ...] = ()
    command: tuple[str, ...] = ()

    def named(self, name: str) -> Option | None:
        """The option that a parameter of this name means: as it is typed, or as the code names it."""
        plain = name.replace("-", "_")
        return next(
            (o for o in self.options if o.name == name),
            next((o for o in self.options if plain in (o.dest, o.name.replace("-", "_"))), None),
        )
