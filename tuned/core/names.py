"""Valid names of studies, parameters, metrics and callers, and the nearest known word to a mistyped one.

Owns the spelling rules; names that pass are safe as folder names, environment names and JSON keys.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from tuned.core.errors import InvalidInput

STUDY = r"[a-z0-9][a-z0-9._-]{0,63}"
"""The pattern of a study's name; two dots in a row are refused besides."""
API = "/v1"
"""The path that every request to the daemon begins with, but for those of scrapers."""
_CALLER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_STEPS = re.compile(r"(^|[._])((n|num|max|total|train|training)_?)*(epochs?|steps?|iterations?|iters?|updates)$", re.I)
_NO_STEPS = re.compile(r"warm|accum|decay|eval|log|save|every|interval|patience|diffusion|inference|look", re.I)
CALLER_HEADER = "Tuned-Caller"
"""Of a request: the name of the program that asks."""
_TAKEN = {"params": "{params} means all parameters", "label": "it names a point of [[search.point]]"}


def check_study_name(name: str, where: str = "name") -> str:
    """The name, when a study may be called so.

    Raises:
        InvalidInput: It could not be a folder's name, or it would leave the runs folder.
    """
    if re.fullmatch(STUDY, name) and ".." not in name:
        return name
    cleaned = study_name_of(name)
    raise InvalidInput(
        f"{name!r} cannot name a study",
        where=where,
        hint="use a-z, 0-9, '.', '_', '-', at most 64, a letter or digit first"
        + (f": {cleaned}" if cleaned and cleaned != name else ""),
    )


def study_name_of(text: str) -> str:
    """The name that a study may have which is called like this; empty where nothing is left of it."""
    plain = without_accents(text).lower()
    return re.sub(r"\.{2,}", ".", re.sub(r"[^a-z0-9._-]+", "-", plain)).strip("._-")[:64].rstrip("._-")


def parameter_name_of(text: str) -> str:
    """The name that a parameter may have which is called like this; one for each text but for its accents."""
    plain = "".join(c if re.match(r"[A-Za-z0-9_.-]", c) else f"u{ord(c):x}" for c in without_accents(text))
    return (plain if re.match(r"[A-Za-z_]", plain) else f"p_{plain}")[:64]


def without_accents(text: str) -> str:
    """The text in letters without marks, as far as they have such: `größe` is `grosse`."""
    spelled = text.replace("ß", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))


def check_caller(name: str, where: str = "caller") -> str:
    """The name, if it is one.

    Raises:
        InvalidInput: It is none.
    """
    if not _CALLER.fullmatch(name):
        hint = "letters, digits, dots, dashes and underscores: --caller agent"
        raise InvalidInput(f"{name!r} is no name of a caller", where=where, hint=hint)
    return name


def check_parameter_name(name: object, where: str) -> str:
    """The name, when a parameter may be called so.

    Raises:
        InvalidInput: It holds other characters than A-Z, a-z, 0-9, `_`, `.`, `-`, or it is taken.
    """
    if not isinstance(name, str) or not _PARAMETER.fullmatch(name):
        raise InvalidInput(
            f"{name!r} cannot name a parameter",
            where=where,
            hint="use letters, digits, '_', '.', '-', at most 64, a letter or '_' first",
        )
    if name in _TAKEN:
        raise InvalidInput(f"{name!r} cannot name a parameter: {_TAKEN[name]}", where=where, hint="choose another name")
    return name


def nearest(word: object, known: Iterable[str]) -> str:
    """A remedy for an unknown word: `did you mean low?`, else the words there are."""
    words = list(dict.fromkeys(known))
    if meant := near(word, words):
        return f"did you mean {meant}?"
    return "known: " + ", ".join(words) if words else "there is none"


def near(word: object, known: Iterable[str]) -> str | None:
    """The known word that a mistyped one may mean; None where none is like it."""
    import difflib  # for refusals alone

    words = list(dict.fromkeys(known))
    begun = [known for known in words if len(str(word)) > 1 and known.startswith(str(word))]
    return next(iter(begun or difflib.get_close_matches(str(word), words, n=1, cutoff=0.6)), None)


def no_parameter(name: str, known: Iterable[str], where: str = "") -> InvalidInput:
    """The refusal of a name that no parameter has.

    Args:
        name: As it was given.
        known: The parameters' names.
        where: The key that holds it; empty: the parameter itself.
    """
    return InvalidInput("there is no such parameter", where=where or f"space.{name}", hint=nearest(name, known))


def is_step_count(name: str) -> bool:
    """Whether a parameter is called as the length of a training: `epochs`, `max_steps`; not `warmup_steps`."""
    return bool(_STEPS.search(name)) and not _NO_STEPS.search(name)
