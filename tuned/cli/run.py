"""One run of the command line: what was typed in, an exit code out.

Owns the exit codes and how errors are told: one line on stderr, never a traceback for what a user can mend.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence

import click

from tuned.cli.exits import DONE, FAILED, INTERRUPTED, NO_DAEMON, PIPE_CLOSED, TIMED_OUT, USAGE, Failed
from tuned.cli.lines import folded, room
from tuned.cli.root import root
from tuned.cli.verbs import completion
from tuned.core.errors import TunedError

HELP = 80
"""Columns of a help at most; an exported COLUMNS may be another terminal's."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        0 done, 1 refused or failed, 2 wrong usage, 3 no daemon, 4 timed out, 130 interrupted, 141 nobody reads on.
    """
    _prepare_output()
    if completion.VARIABLE in os.environ:
        return completion.answer(root, os.environ[completion.VARIABLE])
    try:
        _check_text(arguments)
        # Not root.main(): click would end the process by itself, with code 1, when nobody reads the output.
        width = min(room(), HELP) or None
        with root.make_context("tunectl", list(arguments), terminal_width=width) as context:
            result = root.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else DONE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        _say(f"{_place(error)}: {_which(error.ctx)}")
        return USAGE
    except click.UsageError as error:
        _say(f"{_place(error)}: {_flat(error.format_message())}")
        return USAGE
    except click.ClickException as error:
        _say(f"tunectl: {_flat(error.format_message())}")
        return USAGE
    except Failed as error:
        if error.line:
            _say(f"tunectl: {_flat(error.line)}")
        return error.code
    except TunedError as error:
        _say(f"tunectl: {_flat(str(error))}")
        return _code(error)
    except TimeoutError:
        _say("tunectl: it goes on; the time to wait is over")
        return TIMED_OUT
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except OSError as error:
        _say(f"tunectl: {_flat(_place_and_reason(error))}")
        if error.errno == errno.ENOSPC:
            _drop_output()
        return FAILED


def _prepare_output() -> None:
    """Let nothing that is printed fail for how it looks, nor for a stdout that was closed by the caller."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the life of the process
    if isinstance(sys.stdout, io.TextIOWrapper):
        # An encoding that lacks a character shows another in its place; JSON is ASCII anyway.
        sys.stdout.reconfigure(errors="replace")


def _drop_output() -> None:
    """Python flushes stdout once more at exit, and would fail again: give it somewhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _check_text(arguments: Sequence[str]) -> None:
    """Bytes that are no text in this encoding could be neither sent nor stored nor printed.

    Raises:
        click.UsageError: An argument holds some.
    """
    for number, argument in enumerate(arguments, start=1):
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise click.UsageError(f"argument {number} is not UTF-8 text: {os.fsencode(argument)!r} (rename it)")


def _place_and_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and error.filename is None:
        # The kernel's answer for a folder that was removed under a shell.
        return "the present folder is gone (cd to one that exists)"
    where = "the output" if error.errno == errno.ENOSPC and error.filename is None else error.filename
    return f"{where}: {error.strerror}" if where is not None else str(error)


def _code(error: TunedError) -> int:
    from tuned.client.problems import NoDaemon

    return NO_DAEMON if isinstance(error, NoDaemon) else FAILED


def _place(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx is not None else "tunectl"


def _which(context: click.Context) -> str:
    verbs = context.command.list_commands(context) if isinstance(context.command, click.Group) else []
    return f"which one? ({', '.join(verbs)})"


def _flat(text: str) -> str:
    """One line, whatever a message holds."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _say(line: str) -> None:
    click.echo(folded(line, hanging="    ", width=room(error=True)), err=True)
