"""Breast cancer, 569 patients: three kinds of scikit-learn models, each judged on five folds."""

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import tuned

trial = tuned.current_trial(
    defaults={"model": "logistic", "c": 1.0, "gamma": 0.01, "svm_c": 1.0, "depth": 6, "trees": 60}
)
p = trial.params
MODELS = {
    "logistic": lambda: LogisticRegression(C=p["c"], max_iter=2000),
    "svm": lambda: SVC(C=p["svm_c"], gamma=p["gamma"]),
    "forest": lambda: RandomForestClassifier(p["trees"], max_depth=p["depth"], random_state=0),
}

x, y = load_breast_cancer(return_X_y=True)
for fold in trial.folds(5):
    train, valid = fold.split(len(x), labels=y)  # the same folds in every trial
    model = make_pipeline(StandardScaler(), MODELS[p["model"]]())  # scaled by what the fold trains on, nothing else
    model.fit(x[train], y[train])
    fold.report(val_error=1 - model.score(x[valid], y[valid]))
