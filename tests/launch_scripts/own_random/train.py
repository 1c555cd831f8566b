"""Uses modules of its own that are named as those of the standard library are."""

import random
import statistics

import tuned

trial = tuned.current_trial(defaults={})
parts = [fold.split(6)[1] for fold in trial.folds(2)]
print(random.pick(), statistics.pick(), sum(map(len, parts)))
