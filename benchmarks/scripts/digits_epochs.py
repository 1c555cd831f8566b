"""A trial that trains the benchmark's digits network and reports after each epoch."""

import sys

import tuned
from benchmarks.digits_training import digits_epochs

trial = tuned.current_trial()
for epoch, (loss, accuracy) in enumerate(digits_epochs(trial.params, trial.number, int(sys.argv[1])), 1):
    trial.report(step=epoch, val_loss=loss, accuracy=accuracy)
    if trial.should_stop():
        break
