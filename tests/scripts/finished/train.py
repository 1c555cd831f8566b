"""Softmax regression on scikit-learn's digits, with a final training and a look at the test set."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import tuned

trial = tuned.current_trial(defaults={"lr": 0.1, "epochs": 3})
stage = os.environ.get("TUNED_STAGE", "search")
# The data that ships with scikit-learn, read without importing it: that alone would take longer than the training.
home = Path(importlib.util.find_spec("sklearn").origin).parent
digits = np.loadtxt(home / "datasets" / "data" / "digits.csv.gz", delimiter=",")
x, y = digits[:, :-1], digits[:, -1].astype(int)
x = np.hstack([x / 16, np.ones((len(x), 1))])
order = np.random.default_rng(0).permutation(len(x))
train, valid, test = order[:1000], order[1000:1400], order[1400:]
if stage == "finalize":
    train = order[:1400]


def probabilities(weights, rows):
    scores = x[rows] @ weights
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def accuracy(weights, rows):
    return float((probabilities(weights, rows).argmax(axis=1) == y[rows]).mean())


model = trial.checkpoint_dir / "model.npy"
if stage == "test":
    trial.report(test_accuracy=accuracy(np.load(model), test))
else:
    weights = np.random.normal(0, 0.01, (x.shape[1], 10))
    for epoch in range(trial.params["epochs"]):
        for batch in np.array_split(np.random.permutation(train), len(train) // 50):
            error = probabilities(weights, batch) - np.eye(10)[y[batch]]
            weights -= trial.params["lr"] * x[batch].T @ error / len(batch)
        if stage == "finalize":
            trial.report(step=epoch, train_accuracy=accuracy(weights, train))
        else:
            trial.report(step=epoch, val_accuracy=accuracy(weights, valid))
    np.save(model, weights)
    trial.save_predictions("validation", probabilities(weights, valid), y[valid])
