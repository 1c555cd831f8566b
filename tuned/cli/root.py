"""The verbs by name, each imported only when it is used.

Owns the module of each verb; names and words are `tuned.core.verbs`'.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from tuned.cli.hosts import FLAGS, host_option
from tuned.core.verbs import BY_NAME, EXAMPLES, GROUPS, NOT_A_VERB, OTHER_NAMES

_SHARED = {
    "studies": "show delete",
    "trials": "best metrics",
    "steer": "pause resume cancel prune kill retry next priority",
    "playbook": "confirm folds ensemble finalize steps",
    "importance": "slice contour fit",
    "judge": "data compare verdict explain",
    "ui": "top",
    "import_": "import",
}
"""Modules that hold verbs of other names than their own."""

_MODULES = {name: module for module, names in _SHARED.items() for name in names.split()}


class LazyGroup(click.Group):
    """A group that knows its verbs' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of a study's life."""
        return list(BY_NAME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb, imported now; None when there is none."""
        if cmd_name not in BY_NAME:
            return None
        spelled = {"next": "next_", "set": "set_", "slice": "slice_", "import": "import_"}
        function = spelled.get(cmd_name, cmd_name.replace("-", "_"))
        module = _MODULES.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = getattr(import_module(f"tuned.cli.verbs.{module}"), function)
        command.epilog = f"Example: {EXAMPLES[cmd_name]}"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments begin with.

        Raises:
            click.UsageError: There is none; the message names the nearest.
        """
        if args and args[0] not in BY_NAME and not args[0].startswith("-"):
            from tuned.core.names import nearest

            meant = NOT_A_VERB.get(args[0])
            hint = f"did you mean {meant}?" if meant else nearest(args[0], BY_NAME)
            raise click.UsageError(f"no verb {args[0]!r} ({hint})", ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the line, with the names that people type from habit in place of a verb."""
        place = next((i for i, word in enumerate(args) if word in OTHER_NAMES and _first(args, i)), None)
        if place is not None:
            meant, rest = OTHER_NAMES[args[place]], args[place + 1 :]
            if meant == "--help" and rest and rest[0] not in BY_NAME:
                _show_page(ctx, rest[0])
            # `help VERB` is the verb's own help.
            args = [*args[:place], *([*rest[:1], "--help"] if meant == "--help" else [meant, *rest])]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs in `--help`, by what one wants to do."""
        for heading, names in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, BY_NAME[name].meaning) for name in names.split()])
        with formatter.section("Read on"):
            pages = [
                ("help VERB", "A verb's options, with an example."),
                ("help words", "The words that are tunectl's own: study, slot, baseline, fallback, ..."),
                ("help PAGE", "A page of the manual: first-week, study-file, steering, search, recovery, ..."),
            ]
            formatter.write_dl(pages)


def _show_page(ctx: click.Context, topic: str) -> None:
    """Print a page of the manual, and end.

    Raises:
        click.UsageError: There is no such page.
    """
    from tuned.cli.pages import for_terminal, topics
    from tuned.core.names import nearest

    known = topics()
    if topic not in known:
        raise click.UsageError(f"no verb or page {topic!r} ({nearest(topic, [*known, *BY_NAME])})", ctx)
    click.echo_via_pager(for_terminal(known[topic].read_text(encoding="utf-8"), topic, known))
    ctx.exit()


def _first(words: list[str], place: int) -> bool:
    """Whether the word at this place is the verb: only options of `tunectl` itself stand before it."""
    before = words[:place]
    return len(before) % 2 == 0 and all(word in (*FLAGS, "--caller") for word in before[::2])


@click.command(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, help="Print the version.")
@host_option("several of them with ui")
@click.option("--caller", metavar="NAME", help="Who asks, where it is a program: events say so; default: TUNED_CALLER.")
@click.pass_context
def root(
    ctx: click.Context,
    version: bool,
    hosts: tuple[str, ...],  # noqa: ARG001 - read by the session
    caller: str | None,  # noqa: ARG001 - the same
) -> Any:
    """Queue training runs and hyperparameter searches on this machine, and watch and steer them.

    TARGET is STUDY, STUDY/7, STUDY/3-7, STUDY/best or STUDY/running. Without a verb, on a terminal: the UI.
    """
    if version:
        from tuned.version import VERSION

        click.echo(f"tunectl {VERSION}")
        return None
    if ctx.invoked_subcommand is not None:
        return None
    if sys.stdin.isatty() and sys.stdout.isatty():
        command = ctx.command.get_command(ctx, "ui") if isinstance(ctx.command, LazyGroup) else None
        assert command is not None
        return ctx.invoke(command)
    click.echo(ctx.get_help())
    return None
