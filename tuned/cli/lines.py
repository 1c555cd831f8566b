"""Lines of text on stdout: whole in a pipe, folded between words on a terminal.

Owns the width that is written for. Tables are `tuned.cli.table`'s; a command that is to be copied is never folded.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap

import click

from tuned.core.text import printable

LABEL = 10
"""Columns of the names in front of facts."""


_COMMAND = re.compile(r"(?<=[(:] )tunectl [a-z][^();,]*[^();, ]|(?<=\()tunectl [a-z][^();,]*[^();, ]")
"""A command that a sentence ends with, or that stands in brackets."""
_KEPT = "\N{NO-BREAK SPACE}"


def room(error: bool = False) -> int:
    """Columns of the terminal that stdout (or stderr) is; 0 where it is none."""
    stream = sys.stderr if error else sys.stdout
    # An exported COLUMNS may be another terminal's: the one that is written to is asked.
    return os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0


def folded(text: str, indent: str = "", hanging: str | None = None, width: int = 0) -> str:
    """The text with line breaks between words, a command that it names in one piece.

    Args:
        text: One line.
        indent: In front of the first line.
        hanging: In front of the others; None: `indent`.
        width: Of the longest line; 0: no line is broken.
    """
    if not width:
        return indent + text
    after = indent if hanging is None else hanging
    if len(after) > width // 2:
        after = "  "
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), text)
    lines = textwrap.wrap(
        whole, width, initial_indent=indent, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines).replace(_KEPT, " ")


def show_line(text: str, indent: str = "", hanging: str | None = None) -> None:
    """Print a line of prose, without control characters: names and values in it are other people's."""
    click.echo(folded(printable(text), indent, hanging, room()))


def show_fact(label: str, text: str, width: int = LABEL) -> None:
    """Print a name and what it stands for, the further lines below the first; nothing where there is no text."""
    if text and text != "-":
        start = f"  {label:<{width}}  "
        show_line(text, start, " " * len(start))
