"""`metrics-file`: the daemon's figures as a file for node_exporter's textfile collector."""

from __future__ import annotations

from pathlib import Path

import click

from tuned.cli.session import Session, verb
from tuned.cli.whole_file import write_whole
from tuned.client import api_steering


@verb("metrics-file")
@click.argument("file", type=click.Path(path_type=Path))
def metrics_file(session: Session, file: Path) -> None:
    """Write the daemon's figures to FILE, whole or not at all, for node_exporter --collector.textfile.directory.

    Call it once a minute, from cron or a systemd timer; with --no-start a daemon that rests is left alone.
    """
    if file.suffix != ".prom":
        raise click.UsageError(f"{file}: the collector reads files that end in .prom")
    text = session.send(api_steering.prometheus())
    write_whole(file, text, "FILE")
    samples = sum(not line.startswith("#") for line in text.splitlines())
    document = {"file": str(file.resolve()), "samples": samples}
    session.emit(document, lambda: click.echo(f"{samples} figures written to {file}"))
