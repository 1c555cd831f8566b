"""A loop of the script's own overwrites its globals with Python literals of the same type."""

import json
import sys
from ast import literal_eval

learning_rate = 1e-3
dropout = 0.1
n_layer = 2
bias = True
for argument in sys.argv[1:]:
    key, _, text = argument.removeprefix("--").partition("=")
    value = literal_eval(text)
    assert type(value) is type(globals()[key]), (key, text)
    globals()[key] = value
print("namespace", json.dumps({"learning_rate": learning_rate, "dropout": dropout, "n_layer": n_layer, "bias": bias}))
for it in range(0, 30, 10):
    print(
        f"iter {it}: train loss {learning_rate + dropout:.6f}, val loss {learning_rate * n_layer + it:.6f}, mfu {2:.2f}%"
    )
