"""The verbs by name, each imported only when it is used.

Owns the list of verbs and what `tunectl` alone does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

VERBS = {
    "daemon": ("tuned.cli.verbs.daemon", "Start, stop and look at the daemon."),
    "init": ("tuned.cli.verbs.init", "Write a first study file for a script."),
    "check": ("tuned.cli.verbs.check", "Try a study file before it is submitted."),
    "submit": ("tuned.cli.verbs.submit", "Submit a study file."),
    "tune": ("tuned.cli.verbs.tune", "Tune a script's options in one line."),
    "queue": ("tuned.cli.verbs.queue", "Queue one plain command; without one, show the queue."),
    "studies": ("tuned.cli.verbs.studies", "List the studies."),
    "show": ("tuned.cli.verbs.studies", "Show a study."),
    "trials": ("tuned.cli.verbs.trials", "List a study's trials."),
    "best": ("tuned.cli.verbs.trials", "Show a study's best trials."),
    "metrics": ("tuned.cli.verbs.trials", "List what trials reported."),
    "enqueue": ("tuned.cli.verbs.enqueue", "Queue points of your own."),
    "space": ("tuned.cli.verbs.space", "Show a study's search space, or change it while it runs."),
    "pause": ("tuned.cli.verbs.steer", "Pause studies or trials."),
    "resume": ("tuned.cli.verbs.steer", "Let paused studies or trials go on."),
    "cancel": ("tuned.cli.verbs.steer", "Stop, and discard from the search."),
    "prune": ("tuned.cli.verbs.steer", "Stop trials, and keep their results so far."),
    "kill": ("tuned.cli.verbs.steer", "End trials now, without grace."),
    "retry": ("tuned.cli.verbs.steer", "Run ended trials again."),
    "next": ("tuned.cli.verbs.steer", "Run trials before all others."),
    "priority": ("tuned.cli.verbs.steer", "Change the priority: higher runs first."),
    "confirm": ("tuned.cli.verbs.playbook", "Run the best again with new seeds, and say whether they are better."),
    "folds": ("tuned.cli.verbs.playbook", "Compare cross-validated trials fold by fold."),
    "ensemble": ("tuned.cli.verbs.playbook", "Compare ensembles of the best with the best single model."),
    "finalize": ("tuned.cli.verbs.playbook", "Train the final model on all data, and look at the test set once."),
    "steps": ("tuned.cli.verbs.playbook", "Show or steer the steps of a playbook."),
    "set": ("tuned.cli.verbs.set", "Change a study while it runs: more trials, parallel, early stopping."),
    "wait": ("tuned.cli.verbs.wait", "Wait until a study or its trials have ended."),
    "effects": ("tuned.cli.verbs.effects", "What each hyperparameter does."),
    "importance": ("tuned.cli.verbs.importance", "How much each hyperparameter matters."),
    "slice": ("tuned.cli.verbs.importance", "What is expected along a hyperparameter."),
    "contour": ("tuned.cli.verbs.importance", "What is expected over two hyperparameters."),
    "fit": ("tuned.cli.verbs.importance", "How well a model predicts the trials."),
    "advise": ("tuned.cli.verbs.advise", "What an expert would say about a study."),
    "data": ("tuned.cli.verbs.judge", "What the data is like: hard examples, classes, duplicates, its size."),
    "compare": ("tuned.cli.verbs.judge", "Compare two studies, or a study's baseline with its best."),
    "report": ("tuned.cli.verbs.report", "Write a study's report as one HTML file."),
    "explain": ("tuned.cli.verbs.judge", "Explain a term, with a study's numbers."),
    "probe-batch": ("tuned.cli.verbs.probe_batch", "Which batch sizes fit, and which are fastest."),
    "logs": ("tuned.cli.verbs.logs", "Print a trial's output."),
    "events": ("tuned.cli.verbs.events", "List or follow what happens."),
    "summary": ("tuned.cli.verbs.summary", "What happened since you last looked."),
    "export": ("tuned.cli.verbs.export", "Write a study as csv, jsonl, or for Optuna."),
    "notify": ("tuned.cli.verbs.notify", "Run a study's notify command now, to see whether it works."),
    "delete": ("tuned.cli.verbs.studies", "Delete a study and its trials."),
    "gpu": ("tuned.cli.verbs.gpu", "List the GPUs; leave one to somebody else for a while."),
    "gc": ("tuned.cli.verbs.gc", "Free disk space: what is least useful first."),
    "doctor": ("tuned.cli.verbs.doctor", "Look for what will go wrong on this machine."),
    "sdk": ("tuned.cli.verbs.sdk", "Let the active environment import tuned outside of trials, too."),
    "completion": ("tuned.cli.completion", "Print the script that completes verbs and studies in your shell."),
    "ui": ("tuned.cli.verbs.ui", "Open the terminal UI."),
    "web": ("tuned.cli.verbs.web", "Show studies and trials in a browser, reading only."),
    "top": ("tuned.cli.verbs.ui", "Open the terminal UI."),
}


class LazyGroup(click.Group):
    """A group that knows its verbs' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of a study's life."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb, imported now; None when there is none."""
        if cmd_name not in VERBS:
            return None
        spelled = {"next": "next_", "set": "set_", "slice": "slice_"}
        function = spelled.get(cmd_name, cmd_name.replace("-", "_"))
        command: click.Command = getattr(import_module(VERBS[cmd_name][0]), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments begin with.

        Raises:
            click.UsageError: There is none; the message names the nearest.
        """
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from tuned.core.names import nearest

            raise click.UsageError(f"no verb {args[0]!r} ({nearest(args[0], VERBS)})", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of verbs in `--help`, from the table above."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.command(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, help="Print the version.")
@click.option("-H", "--host", metavar="ssh://USER@HOST", help="The daemon of another machine, through ssh.")
@click.pass_context
def root(ctx: click.Context, version: bool, host: str | None) -> Any:  # noqa: ARG001 - read by the session
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
