"""Docstrings and comments name their subject: none of their sentences begins with `what`, `who` or `that`."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for package in ("storage", "tuned", "tui") for path in (ROOT / package).rglob("*.py"))
_BEGINS = re.compile(r"(?:What|Who|That|Whoever|Whatever|Whose|Whom)\b")
_SENTENCES = re.compile(r"\n\s*\n|(?<=[.;:])\s+(?=[A-Z])")


def texts(code: str) -> Iterator[tuple[int, str]]:
    """Docstrings, also those behind a name, and comments whose lines belong together, each with its line."""
    for node in ast.walk(ast.parse(code)):
        body = getattr(node, "body", None)
        for one in body if isinstance(body, list) else []:
            if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str):
                yield one.lineno, one.value.value
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != last + 1:
                yield last, " ".join(block)
                block = []
            block.append(token.string.lstrip("#: "))
            last = token.start[0]
    yield last, " ".join(block)


def nameless(code: str) -> list[str]:
    """Sentences without a subject of their own."""
    found = ((line, s.strip()) for line, text in texts(code) for s in _SENTENCES.split(text))
    return [f"line {line}: {sentence[:80]}" for line, sentence in found if _BEGINS.match(sentence)]


def test_a_sentence_without_a_subject_is_found() -> None:
    code = '"""Looks.\n\nOwns it. What it sees is another\'s."""\nA = 1  # Who sets it\n# has it.\n'
    assert nameless(code) == ["line 1: What it sees is another's.", "line 5: Who sets it has it."]
    assert nameless('"""The text: what it holds.\n\nEach line\nThat it has."""\n') == []


@pytest.mark.parametrize("package", ["storage", "tuned", "tui"])
def test_every_sentence_names_its_subject(package: str) -> None:
    of = [path for path in FILES if path.relative_to(ROOT).parts[0] == package]
    assert of
    assert [f"{path.relative_to(ROOT)}, {one}" for path in of for one in nameless(path.read_text())] == []
