"""A trial that says when its first line ran."""

import time

BEGAN = time.time()

import torch  # noqa: E402, F401

import tuned  # noqa: E402

tuned.current_trial().report(step=0, value=1.0, began=BEGAN)
