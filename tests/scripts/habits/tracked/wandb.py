"""A tracker of our own in the manner of a well-known one: it holds what is logged and prints a summary at the end."""

summary, history = {}, []


def init(project, config):
    print(f"wandb: Tracking run of {project} with {len(config)} settings")


def log(values):
    history.append(dict(values))
    summary.update(values)


def finish():
    print("wandb: Run history:")
    for values in history:
        print("wandb:     epoch {epoch} val/loss {val/loss:.6f}".format(**values))
    print("wandb: Run summary:")
    for name, content in summary.items():
        print(f"wandb: {name:>12} {content}")
