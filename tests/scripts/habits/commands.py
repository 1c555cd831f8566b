"""A command line made of the model's constructor: `fit --model.lr=...`, versions of a log folder, checkpoints by name."""

import inspect
import json
import sys
from pathlib import Path


class LightningCLI:
    """As the library's: options of the model's constructor in its types, and a folder that is new for each run."""

    def __init__(self, model_class):
        command, *words = sys.argv[1:]
        given = dict(word.removeprefix("--").split("=", 1) for word in words)
        root = Path(given.pop("trainer.default_root_dir", "."), "lightning_logs")
        epochs = int(given.pop("trainer.max_epochs", 3))
        values = {}
        for name, parameter in inspect.signature(model_class).parameters.items():
            text = given.pop(f"model.{name}", None)
            kind = (
                (lambda text: {"true": True, "false": False}[text])
                if parameter.annotation is bool
                else parameter.annotation
            )
            values[name] = parameter.default if text is None else kind(text)
        assert command == "fit" and not given, given
        print("namespace", json.dumps({f"model.{name}": content for name, content in values.items()}))
        version = len(list(root.glob("version_*")))
        saved = root / f"version_{version}" / "checkpoints"
        saved.mkdir(parents=True)
        print(f"saves into {saved}")
        model = model_class(**values)
        for epoch in range(epochs):
            loss = model.training_step(epoch)
            for batch in (1, 2):
                bar = f"{50 * batch}%|{'█' * batch}| {batch}/2 [00:00<00:00, 91.3it/s, v_num={version}"
                sys.stdout.write(
                    f"\rEpoch {epoch}: {bar}, train_loss={loss:.4f}, val_loss={loss + model.width / 100:.4f}]"
                )
            for old in saved.iterdir():
                old.unlink()
            (saved / f"epoch={epoch}-step={2 * epoch + 2}.ckpt").write_text(str(loss))
        print("\n`Trainer.fit` stopped: `max_epochs` reached.")


class Model:
    def __init__(self, lr: float = 0.01, width: int = 32, norm: bool = True):
        self.lr, self.width, self.norm = lr, width, norm

    def training_step(self, epoch):
        return self.lr * self.width / (epoch + 1) + self.norm


if __name__ == "__main__":
    LightningCLI(Model)
