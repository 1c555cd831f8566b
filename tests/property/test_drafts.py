"""Whatever options a script has and whatever it prints, the draft of its study file can be read."""

from __future__ import annotations

import re
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from tuned.core.draft.study_text import draft_study, read_script
from tuned.core.study_file.space_file import parse_space

TEXTS = st.text(st.characters(codec="utf-8", min_codepoint=1), max_size=12)
NAMES = st.one_of(
    st.sampled_from(
        ["lr", "momentum", "batch-size", "hidden", "log-interval", "seed", "out-dir", "optimizer", "dropout"]
    ),
    st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
)
VALUES = st.one_of(TEXTS, st.integers(-10, 1000), st.floats(allow_nan=False, allow_infinity=False), st.booleans())


@st.composite
def calls(draw: st.DrawFn) -> str:
    name = draw(NAMES)
    words = [repr(draw(st.sampled_from(["--", "-", ""])) + name)]
    if draw(st.booleans()):
        words.append(f"default={draw(VALUES)!r}")
    if draw(st.booleans()):
        words.append(f"help={draw(TEXTS)!r}")
    more = ["type=float", "type=int", "action='store_true'", "required=True", "nargs='+'"]
    words += draw(st.lists(st.sampled_from(more), max_size=1))
    if draw(st.booleans()):
        words.append(f"choices={draw(st.lists(TEXTS, max_size=3, unique=True))!r}")
    return f"parser.add_argument({', '.join(words)})"


@given(st.lists(calls(), max_size=5), st.lists(TEXTS, max_size=4))
@settings(max_examples=50)
def test_drafts_can_be_read(options: list[str], printed: list[str]) -> None:
    prints = [
        f"print({text!r}, val_loss, f{text + ' acc: {acc:5.2f}'!r})"
        for text in printed
        if "{" not in text and "}" not in text
    ]
    draft = draft_study(read_script("\n".join([*options, *prints]), "train.py"))
    data = tomllib.loads(draft.text)
    parse_space(data["space"])
    for pattern in data.get("metrics", {}).get("patterns", ()):
        assert re.compile(pattern).groupindex
