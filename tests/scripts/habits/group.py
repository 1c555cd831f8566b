"""A click group whose own option stands before the command, with ranges and switches of click's kinds."""

import json

import click


@click.group()
@click.option("--debug/--no-debug", default=False)
@click.pass_context
def cli(context, debug):
    context.obj = {"debug": debug}


@cli.command()
@click.option("--lr", type=float, default=0.1, show_default=True)
@click.option("--norm", type=click.Choice(["batch", "layer", "none"]), default="batch")
@click.option("--shuffle/--in-order", default=True)
@click.option("--augment", is_flag=True)
@click.option("--layers", type=click.IntRange(1, 3), default=2)
@click.pass_obj
def train(settings, **options):
    print("namespace", json.dumps({**options, **settings}))
    for epoch in range(3):
        click.echo(f"Epoch {epoch}: valid loss {options['lr'] + options['layers'] + epoch:.5f}")


@cli.command()
@click.argument("path")
def export(path):
    raise SystemExit(path)


if __name__ == "__main__":
    cli()
