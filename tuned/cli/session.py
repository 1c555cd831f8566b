"""The session of a verb: the options of all verbs, a client that starts the daemon when none runs, and the output.

Owns `Session` and the `verb` decorator.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache, cached_property
from json import dumps
from typing import Any, TypeVar

import click

from tuned.cli.hosts import named_host
from tuned.cli.offers import completer
from tuned.client.api import Call
from tuned.client.http import Client
from tuned.client.problems import DaemonEnded, NoDaemon
from tuned.core.verbs import BY_NAME
from tuned.home import Home, check_socket_folder, resolve_home
from tuned.protocol import ENV_ATTEMPT

T = TypeVar("T")
MOST_ROWS = 200
"""Rows of a list that a program gets, where it does not say a limit of its own: it pays for each of them."""


class Session:
    """One verb's run.

    Args:
        host: `ssh://...` of the machine whose daemon is meant; None: this one.

    Attributes:
        json: Whether stdout gets one JSON document instead of text.
        start: Whether a missing daemon is started.
        dry_run: Whether changes are only tried: each request that would change something is taken back.
        caller: The caller's name, where it is a program; None: as `TUNED_CALLER` says.
    """

    def __init__(
        self, json: bool, start: bool, host: str | None = None, dry_run: bool = False, caller: str | None = None
    ) -> None:
        self.caller = caller
        self.json = json
        self.start = start and host is None
        self.host = host
        self.dry_run = dry_run

    @cached_property
    def home(self) -> Home:
        """The state folder of this environment; its socket leads to the other machine when one was named."""
        if self.host is None:
            return resolve_home()
        home = resolve_home({name: value for name, value in os.environ.items() if name != ENV_ATTEMPT})
        from tuned.cli.remote import Tunnel, parse_address, remote_home
        from tuned.client.open_line import open_line

        address = parse_address(self.host)
        if (socket := open_line(self.host)) is not None:
            return remote_home(home, address, socket)
        tunnel = Tunnel(address)
        click.get_current_context().call_on_close(tunnel.close)
        tunnel.open()
        return remote_home(home, address, tunnel.socket)

    @cached_property
    def client(self) -> Client:
        """A client that starts nothing."""
        if self.host is None:
            check_socket_folder(self.home)
        return Client(self.home.socket, caller=self.caller)

    def ensure_daemon(self) -> None:
        """Start the daemon when none runs, unless told not to; another machine's runs already."""
        if self.host is not None:
            return
        from tuned.client.autostart import ensure_daemon

        ensure_daemon(self.home, start=self.start)

    def send(self, call: Call[T]) -> T:
        """The call's reply, after starting the daemon when none runs."""
        if self.dry_run and call.method != "GET":
            call = replace(call, query={**call.query, "dry_run": True})
        try:
            return self.client.send(call)
        except DaemonEnded:  # it may have done what was asked: asking again could do it twice
            raise
        except NoDaemon:
            if not self.start:
                raise
        self.ensure_daemon()
        return self.client.send(call)

    def show(self, call: Call[T], text: Callable[[T], None]) -> None:
        """Send a call and print its reply: as JSON just as it came, or by `text` for a person."""
        if self.json:
            sys.stdout.write(dumps(self._marked(self._bounded(self.send(call.undecoded())))) + "\n")
        else:
            text(self._bounded(self.send(call)))

    def emit(self, document: Any, text: Callable[[], None]) -> None:
        """Print the document as JSON, or let `text` print it for a person.

        Args:
            document: A wire dataclass, a list of them, or plain data.
            text: Prints for people; not called with `--json`.
        """
        if self.json:
            sys.stdout.write(dumps(self._marked(plain(self._bounded(document)))) + "\n")
        else:
            text()

    def _marked(self, document: Any) -> Any:
        """The answer of a dry run is the real one, and says that it is none."""
        return {**document, "dry_run": True} if self.dry_run and isinstance(document, dict) else document

    def _bounded(self, document: T) -> T:
        """The document; of a list that a program asked for without a limit, the first rows, which stderr says."""
        if not isinstance(document, list) or len(document) <= MOST_ROWS:
            return document
        if not self.client.headers or click.get_current_context().params.get("limit"):
            return document
        left = len(document) - MOST_ROWS
        click.echo(f"{left} of {len(document)} rows are left out (narrow the question, or use --limit)", err=True)
        return document[:MOST_ROWS]  # type: ignore[return-value]


def plain(document: Any) -> Any:
    """The document as plain data for JSON: nothing is copied that a JSON writer takes as it is."""
    kind = type(document)
    if kind in (str, int, float, bool) or document is None:
        return document
    if is_dataclass(kind):
        return {name: plain(getattr(document, name)) for name in _field_names(kind)}
    if isinstance(document, list | tuple):
        return [plain(item) for item in document]
    if isinstance(document, dict):
        return {key: plain(value) for key, value in document.items()}
    return document


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(kind))


def _caller() -> str | None:
    """The name that `tunectl --caller` gives."""
    caller: str | None = click.get_current_context().find_root().params.get("caller")
    return caller


def verb(name: str | None = None, **attributes: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function that takes a `Session` first a verb with the options that all verbs have.

    Args:
        name: Name of the verb; None: the function's.
        attributes: More attributes of the click command.
    """

    def wrap(function: Callable[..., Any]) -> click.Command:
        known = BY_NAME.get(name or function.__name__)
        marked = known is not None and known.dry_run

        @functools.wraps(function)
        def run(as_json: bool, no_start: bool, **arguments: Any) -> Any:
            # Those verbs of `daemon` that repair have an option of that name for themselves.
            dry_run = marked and arguments.pop("dry_run")
            if dry_run:
                click.echo("dry run: nothing is changed", err=True)
            return function(Session(as_json, not no_start, named_host(), dry_run, _caller()), **arguments)

        command: click.Command = click.command(name or function.__name__, cls=click.Command, **attributes)(run)
        if marked:
            command.params.append(click.Option(["--dry-run"], is_flag=True, help="Only say what would change."))
        for parameter in command.params:
            if (complete := completer(command.name or "", parameter)) is not None:
                parameter._custom_shell_complete = complete  # what `shell_complete=` sets
        command.params += [
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document."),
            click.Option(["--no-start"], is_flag=True, help="Refuse when no daemon runs, instead of starting it."),
        ]
        return command

    return wrap
