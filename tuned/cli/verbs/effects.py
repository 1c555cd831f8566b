"""`effects`: what each hyperparameter does to the result, the time and the speed."""

from __future__ import annotations

import click

from tuned.cli.analysis import format_option, show_analysis
from tuned.cli.session import Session, verb


@verb()
@click.argument("study")
@click.argument("parameter", required=False)
@click.option("--by", metavar="A,B", help="A two-way table of these parameters.")
@click.option("--metric", help="Instead of the objective.")
@format_option
def effects(
    session: Session, study: str, parameter: str | None, by: str | None, metric: str | None, style: str | None
) -> None:
    """Show what each hyperparameter of a study does: result, convergence, time and throughput by value."""
    options = {"param": parameter, "by": by, "metric": metric}
    show_analysis(session, "effects", study, options, style=style)
