"""Settings come from the environment alone, results are printed as dictionaries."""

import json
import os

LR = float(os.environ.get("LR", "0.1"))
AMP = os.getenv("AMP", "0") == "1"
BN = os.environ.get("BN", "true").lower() == "true"
DEPTH = int(os.environ.get("DEPTH", 2))
print("namespace", json.dumps({"LR": LR, "AMP": AMP, "BN": BN, "DEPTH": DEPTH}))
for epoch in range(3):
    logs = {"epoch": epoch, "loss": LR / (epoch + 1), "val_loss": LR * DEPTH + epoch + AMP + BN}
    print(logs)
