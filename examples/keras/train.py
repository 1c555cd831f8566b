"""Wine, 178 bottles of three growers: a Keras model, reported and stopped by a callback."""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "torch")  # or "tensorflow", "jax": the one that is installed

try:
    import keras
except ModuleNotFoundError:
    sys.exit("keras is not installed in this environment; to run this example: pip install keras")

from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import tuned
from tuned.integrations.keras import TunedCallback

trial = tuned.current_trial(defaults={"width": 16, "dropout": 0.2, "lr": 0.01, "epochs": 30, "repeat": 1})
p = trial.params
keras.utils.set_random_seed(p["repeat"])

x, y = load_wine(return_X_y=True)
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=60, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)

model = keras.Sequential(
    [
        keras.Input(shape=(x.shape[1],)),
        keras.layers.Dense(p["width"], activation="relu"),
        keras.layers.Dropout(p["dropout"]),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=p["lr"]), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
)
model.fit(
    scaler.transform(x_train), y_train, batch_size=16, epochs=p["epochs"], verbose=0,
    validation_data=(scaler.transform(x_val), y_val),
    callbacks=[TunedCallback()],  # reports loss, accuracy, val_loss, val_accuracy after each epoch
)  # fmt: skip
