"""Diabetes, 442 patients: a program that knows nothing of tuned, and prints what it found."""

import argparse

from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rate", type=float, default=0.05)
parser.add_argument("--depth", type=int, default=2)
parser.add_argument("--trees", type=int, default=100)
parser.add_argument("--seed", type=int, default=1)
args = parser.parse_args()

x, y = load_diabetes(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=142, random_state=args.seed)
model = GradientBoostingRegressor(
    learning_rate=args.rate, max_depth=args.depth, n_estimators=args.trees, subsample=0.7, random_state=args.seed
)
model.fit(x_train, y_train)
stages = zip(model.staged_predict(x_train), model.staged_predict(x_val), strict=True)
for tree, (on_train, on_val) in enumerate(stages, start=1):
    if tree % 10 == 0:
        train, val = root_mean_squared_error(y_train, on_train), root_mean_squared_error(y_val, on_val)
        print(f"after {tree} trees: train error {train:.2f}, validation error {val:.2f}")
