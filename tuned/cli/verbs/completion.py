"""Completion in the shell: the verb `completion`, and the answer to the script that it prints.

Verbs and options are completed by click, their values as `tuned.cli.offers` says.
"""

from __future__ import annotations

import sys

import click

VARIABLE = "_TUNECTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

_BASH = ("COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *[=/] ]] && compopt -o nospace")
_ZSH = (
    ('completions+=("$key")', '[[ "$key" == *[=/] ]] && goes_on+=("$key") || completions+=("$key")'),
    ("    local -a completions\n", "    local -a completions goes_on\n"),
    ("\n}\n", "\n    compadd -U -S '' -V unsorted -a goes_on\n}\n"),
    ("    compdef ", "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }\n    compdef "),
)
_MENDED = {"bash": (_BASH,), "zsh": _ZSH, "fish": ()}
"""Of each shell what click's script does, and what ours does: no space behind what goes on, as `lr=`, and in a zsh
without completion it is begun."""


def answer(root: click.Command, instruction: str) -> int:
    """Do what the script in the user's shell asks for; the exit code."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(root, {}, "tunectl", VARIABLE, instruction)
    except click.ClickException:
        return 0  # a line that is wrong already has no end to offer


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes verbs, options and studies in your shell.

    \b
    bash   echo 'eval "$(tunectl completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(tunectl completion zsh)"' >> ~/.zshrc
    fish   echo 'tunectl completion fish | source' >> ~/.config/fish/config.fish
    """  # noqa: D301 - click wants the character
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    # Which command is completed makes no difference to the script: it asks `answer`.
    source = script(click.get_current_context().command, {}, "tunectl", VARIABLE).source()
    for theirs, ours in _MENDED[shell]:
        assert theirs in source
        source = source.replace(theirs, ours, 1)
    sys.stdout.write(source + "\n")
