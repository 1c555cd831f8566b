"""A training script whose settings are its globals."""

import json
import os

out_dir = "out"
eval_only = False
learning_rate = 6e-4
dropout = 0.0
bias = False
compile = True
n_layer = 2
beta1 = 0.9
config_keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, bool, str))]
exec(open("configurator.py").read())
config = {k: globals()[k] for k in config_keys}

os.makedirs(out_dir, exist_ok=True)
with open(os.path.join(out_dir, "config.json"), "w") as file:
    json.dump(config, file)
print("namespace", json.dumps(config))
for step in range(3):
    print(f"step {step}: train loss {learning_rate + 1:.4f}, val loss {learning_rate + 1 / n_layer + bias:.4f}")
