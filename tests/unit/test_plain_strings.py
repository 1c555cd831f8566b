"""Strings that people read: no word that only the source explains, and no plural in brackets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ODD = re.compile(
    r"\((?:s|es)\)|\b(?:said|sure|flatters|greedy|of before|exchange it|time of slots|run\.tree)\b"
    r"|\b(?:again|beside) no\b|you look for the first time"
)


def _strings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Text of more than one word that is no docstring."""
    bodies = [body for node in ast.walk(tree) if isinstance(body := getattr(node, "body", None), list)]
    docstrings = {statement.value for body in bodies for statement in body if isinstance(statement, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in docstrings and " " in str(node.value).strip():
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("room", ["tuned", "storage", "tui"])
def test_strings_are_plain(room: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text}"
        for file in (ROOT / room).rglob("*.py")
        for line, text in _strings(ast.parse(file.read_text()))
        if ODD.search(text)
    ]
    assert not found, "\n".join(found)
