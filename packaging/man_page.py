"""Writes tunectl.1, the manual page, from the registry of verbs: `python packaging/man_page.py`.

Owns its form. Options are in each verb's own `--help`, examples and costs here.
"""

from __future__ import annotations

from pathlib import Path

from tuned.core.verbs import BY_NAME, EXAMPLES, GROUPS, Verb

PAGE = Path(__file__).with_name("tunectl.1")
HEAD = """.TH TUNECTL 1 "" "tuned" "User Commands"
.SH NAME
tunectl \\- queue training runs and hyperparameter searches on this machine
.SH SYNOPSIS
.B tunectl
[\\fB\\-H\\fR \\fIssh://USER@HOST\\fR]
[\\fB\\-\\-caller\\fR \\fINAME\\fR]
\\fIVERB\\fR [\\fIARGUMENTS\\fR]
.SH DESCRIPTION
A daemon owns the queue of trials, their processes and the GPUs; tunectl talks to it, and starts it where none runs.
Without a verb, on a terminal, it opens the terminal UI.
A TARGET is STUDY, STUDY/7, STUDY/3\\-7, STUDY/best or STUDY/running.
Every verb takes \\fB\\-\\-json\\fR (one document on standard output), \\fB\\-\\-no\\-start\\fR and \\fB\\-\\-help\\fR.
"""
TAIL = """.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
refused or failed: one line on standard error says what, where, and a remedy
.TP
.B 2
a command line that is wrong
.TP
.B 3
no daemon
.TP
.B 4
the time to wait is over
.SH ENVIRONMENT
.TP
.B TUNED_HOME
The state folder; unset: tuned\\-hpo below XDG_STATE_HOME, or what config.toml names.
.TP
.B TUNED_CALLER
The program that asks, as \\fB\\-\\-caller\\fR.
.SH FILES
.TP
.I ~/.config/tuned\\-hpo/config.toml
The state folder's place, [gpu], [caller.NAME].
.SH SEE ALSO
\\fBtunectl help\\fR \\fIPAGE\\fR prints the pages of the manual:
first\\-week, study\\-file, steering, search, agents, ...
"""


def text() -> str:
    """The page in the language of man(7)."""
    parts = [HEAD]
    for heading, names in GROUPS.items():
        parts.append(f'.SH "{heading.upper()}"\n')
        parts += [_entry(BY_NAME[name]) for name in names.split()]
    return "".join(parts) + TAIL


def _entry(verb: Verb) -> str:
    lines = [".TP", f".B tunectl {_escaped(verb.name)}", _escaped(verb.meaning)]
    lines += [_escaped(cost) for cost in verb.costs]
    return "\n".join([*lines, ".br", f"Example: \\fB{_escaped(EXAMPLES[verb.name])}\\fR"]) + "\n"


def _escaped(words: str) -> str:
    return words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")


if __name__ == "__main__":
    PAGE.write_text(text())
