"""The syntax tree of a user's Python, from any thread.

Owns that one thread parses at a time. Python 3.11 counts the depth of a tree under construction for all threads
together, and raises `SystemError: AST constructor recursion depth mismatch` where two of them take turns in it.
"""

from __future__ import annotations

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()


def parsed(text: str | bytes) -> ast.Module:
    """The tree of a file.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: It is no Python, or none that can be read.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)


def parsed_expression(text: str) -> ast.expr:
    """The tree of one expression, such as an annotation in quotes; raises as `parsed`."""
    with _ONE_AT_A_TIME:
        return ast.parse(text, mode="eval").body
