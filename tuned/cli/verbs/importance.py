"""`importance`, `slice`, `contour`, `fit`: what a model of the results says of a study's parameters."""

from __future__ import annotations

import click

from tuned.cli.analysis import format_option, show_analysis
from tuned.cli.session import Session, verb


@verb()
@click.argument("study")
@click.option("--metric", help="Instead of the first objective.")
@format_option
def importance(session: Session, study: str, metric: str | None, style: str | None) -> None:
    """Show how much each hyperparameter matters, with intervals."""
    show_analysis(session, "importance", study, {"metric": metric}, style=style)


@verb("slice")
@click.argument("study")
@click.argument("parameter", required=False)
@click.option("--metric", help="Instead of the first objective.")
@format_option
def slice_(session: Session, study: str, parameter: str | None, metric: str | None, style: str | None) -> None:
    """Show the expected result along one hyperparameter, or along each."""
    show_analysis(session, "slice", study, {"param": parameter, "metric": metric}, style=style)


@verb()
@click.argument("study")
@click.argument("first")
@click.argument("second")
@click.option("--metric", help="Instead of the first objective.")
@format_option
def contour(session: Session, study: str, first: str, second: str, metric: str | None, style: str | None) -> None:
    """Show the expected result over two hyperparameters."""
    show_analysis(session, "contour", study, {"params": f"{first},{second}", "metric": metric}, style=style)


@verb()
@click.argument("study")
@click.option("--metric", help="Instead of the first objective.")
@format_option
def fit(session: Session, study: str, metric: str | None, style: str | None) -> None:
    """Show how well a model predicts each trial from the others."""
    show_analysis(session, "fit", study, {"metric": metric}, style=style)
