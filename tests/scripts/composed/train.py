"""A program whose settings Hydra composes."""

import json

import hydra
from omegaconf import OmegaConf


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    print("namespace", json.dumps(OmegaConf.to_container(cfg, resolve=True)))
    for epoch in range(cfg.epochs):
        print(f"epoch {epoch} val_loss: {cfg.optimizer.lr + 1 / (epoch + 1):.6f}")


if __name__ == "__main__":
    main()
