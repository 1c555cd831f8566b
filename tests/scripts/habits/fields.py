"""An option for each field of a dataclass, with the field's own type, which for a bool holds every text for true."""

import argparse
import json
from dataclasses import asdict, dataclass, fields


@dataclass
class Config:
    lr: float = 1e-3
    width: int = 32
    bias: bool = True
    act: str = "relu"


parser = argparse.ArgumentParser()
for field in fields(Config):
    parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
config = Config(**vars(parser.parse_args()))
print("namespace", json.dumps(asdict(config)))
for epoch in range(3):
    print(json.dumps({"epoch": epoch, "val_loss": config.width * config.lr / (epoch + 1) + config.bias}))
