"""Completion in the shell: the verb `completion`, and the answer to the script that it prints.

Verbs and options are completed by click, their values as `tuned.cli.offers` says.
"""

from __future__ import annotations

import sys

import click

VARIABLE = "_TUNECTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

_PLAIN = "COMPREPLY+=($value)"
_NO_SPACE = _PLAIN + "\n            [[ $value == *[=/] ]] && compopt -o nospace"
"""What click's script for bash does with a word, and the same without a space behind what goes on: `lr=`."""


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
    fish   tunectl completion fish > ~/.config/fish/completions/tunectl.fish
    """  # noqa: D301 - click wants the character
    from click.shell_completion import get_completion_class

    from tuned.cli.root import root

    script = get_completion_class(shell)
    assert script is not None
    source = script(root, {}, "tunectl", VARIABLE).source()
    sys.stdout.write(source.replace(_PLAIN, _NO_SPACE) + "\n")
