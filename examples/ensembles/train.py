"""Digits from 300 images by models of different kinds, which leave their predictions for an ensemble of them."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

import tuned

trial = tuned.current_trial(
    defaults={"kind": "svm", "c": 10.0, "gamma": 1e-3, "neighbours": 3, "trees": 50, "smoothing": 0.1, "split": 0}
)
p = trial.params

x, y = load_digits(return_X_y=True)
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=700, random_state=p["split"], stratify=y)
x_train, x_val, y_train, y_val = train_test_split(
    x_rest, y_rest, train_size=300, random_state=p["split"], stratify=y_rest
)

np.random.seed(trial.seed)
MODELS = {
    "logistic": lambda: LogisticRegression(C=p["c"] / 1000, max_iter=1000),
    "svm": lambda: SVC(C=p["c"], gamma=p["gamma"]),
    "neighbours": lambda: KNeighborsClassifier(p["neighbours"], weights="distance"),
    "trees": lambda: ExtraTreesClassifier(p["trees"]),
    "bayes": lambda: GaussianNB(var_smoothing=p["smoothing"]),
}
model = MODELS[p["kind"]]().fit(x_train, y_train)


def probabilities(x):
    """(images, 10) probabilities; an SVM has none, so its margins are turned into them."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(x)
    margins = np.exp(model.decision_function(x))
    return margins / margins.sum(axis=1, keepdims=True)


guesses = probabilities(x_val)
trial.report(
    val_loss=log_loss(y_val, np.clip(guesses, 1e-6, 1)), val_accuracy=accuracy_score(y_val, guesses.argmax(axis=1))
)
trial.save_predictions("validation", guesses, y_val)  # tunectl ensemble chooses with these
trial.save_predictions("test", probabilities(x_test), y_test)  # and measures with these
