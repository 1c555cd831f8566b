"""The field's terms in a sentence or two each.

Owns the words. Standard library only, so that `explain` answers without a daemon; a study's numbers for them are
`tuned.analyses.explain`'s.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

TERMS: dict[str, str] = {
    "activation": "The function behind each layer that makes a net more than one matrix: relu, gelu, tanh, "
    "sigmoid. Sigmoid passes on at most a quarter of a gradient, so deep sigmoid nets hardly learn.",
    "acquisition function": "What Bayesian optimisation maximises to choose the next point: how much "
    "better than the best it is expected to be, which rewards a good guess and ignorance alike.",
    "adam": "An optimiser that scales each weight's step by the size of its recent gradients. With few "
    "trials tune its learning rate alone; beta1 from ten trials on, epsilon from twenty-five.",
    "asha": "Asynchronous successive halving: at each rung the better third of the trials goes on, the "
    "others wait or stop. Cheap for clearly bad trials; a slow starter may be stopped wrongly.",
    "attempt": "One process of a trial. A retry, and a paused trial that goes on, is the next attempt.",
    "baseline": "The settings you would use without tuning. Nothing is an improvement until it beats them "
    "by more than the spread between seeds.",
    "batch size": "Examples in one step. It sets speed and memory, hardly the quality that can be reached, "
    "once learning rate and regularisation are tuned for it: take the largest that still makes training faster.",
    "bayesian optimisation": "Search with a model of the results so far: it predicts each point's result "
    "and its own uncertainty, and the next trial goes where that promises most. Worth it with few trials at a "
    "time.",
    "best of n": "The best of n random trials, on average. How it falls with n says what more trials would buy.",
    "boundary": "The edge of a parameter's range. When the good trials lie there, the best value may lie "
    "beyond it: widen the range before you believe the best.",
    "canary": "A study's first trial: when it ends without the objective's metric, the study pauses, so "
    "that a broken script costs one trial and not a night.",
    "checkpoint": "The state of a training run on disk, from which another attempt goes on.",
    "class imbalance": "Some classes have many more examples than others. Accuracy then rewards naming the "
    "largest: judge by balanced accuracy, F1 or the loss.",
    "conditional parameter": "One that exists beside certain values of another alone, such as momentum "
    "beside sgd. The same name under two parents would be two parameters.",
    "confounding": "Two parameters changed together, so that a table by one of them shows the effect of both.",
    "constraint": "A bound on a metric, such as latency. A trial that breaks it is never the best.",
    "convergence": "When the curve comes within a tolerance of its best and stays there.",
    "cross-validation": "Training k times, each time with another k-th of the data held back, and "
    "averaging: less luck of the split, k times the cost.",
    "data leak": "Examples, or traces of them, that are in training and validation: the result is better "
    "than it will be on new data.",
    "divergence": "The loss grows without bound or becomes NaN; mostly a learning rate that is too high.",
    "dropout": "Switching random units off while training. A regulariser: more of it narrows the gap and "
    "slows fitting.",
    "early stopping": "Ending trials that do badly before they are done. It saves time; it does not make a "
    "model better, and it makes comparisons of early leaders biased.",
    "ensemble": "Several models that decide together, by vote or by averaging their probabilities. Mostly "
    "better than the best single one, at the cost of running them all.",
    "epoch": "One pass over the training set.",
    "evolution": "Search by changing good settings a little and dropping the oldest. For large spaces with "
    "many conditions.",
    "expected improvement": "How much better than the best a point is, on average over what the model thinks possible.",
    "exploding gradients": "Gradients that grow from layer to layer or step to step until the weights are "
    "lost. Remedies: a lower learning rate, warm-up, clipping near the 90th percentile of the norms.",
    "fixed parameter": "One that stays as it is in this study. Every conclusion holds for its value alone.",
    "gap": "How much worse validation is than training. A large one means learning by heart: regularise, or get data.",
    "gaussian process": "A model that predicts a result with an uncertainty from how alike points are; "
    "what Bayesian optimisation rests on here.",
    "gradient clipping": "Shortening gradients longer than a threshold. Near the 90th percentile of their "
    "norms it catches the spikes; when more than half are clipped, lower the learning rate instead.",
    "gradient norm": "The length of the whole gradient. Its spikes go before divergence.",
    "grid": "Every combination of a few values. Fine for one or two parameters, wasteful for more.",
    "i-epoch": "Early stopping in one step: all trials train for a first stretch, and the best few of them then "
    "run to their end. About as good as a ladder of rungs; how long the stretch is you must choose.",
    "importance": "How much of the results' variation a parameter explains. Low in this range does not "
    "mean low in every range.",
    "infeasible": "A point that cannot be run or gives no number: out of memory, diverged, a broken "
    "constraint. Many of them mean a badly chosen space or a bug.",
    "isolation plot": "For each value of a scientific parameter the best result over all nuisance "
    "parameters: a fair comparison of the values.",
    "latency": "How long one answer of the model takes.",
    "learning rate": "The length of the steps. The parameter to tune first, on a logarithmic range; the "
    "best often lies just below where training becomes unstable.",
    "log scale": "A range in which each tenfold counts alike. For learning rates, weight decay and all "
    "that is positive and spans powers of ten.",
    "l1": "A penalty on the sum of absolute weights: drives many of them to zero.",
    "l2": "A penalty on the sum of squared weights: keeps them small. For SGD the same as weight decay.",
    "model size": "How many numbers are trained. Beyond a size more of them gain nothing and only widen the gap; "
    "trial.describe tells each trial's.",
    "momentum": "Steps go on in the direction of earlier ones. 0.9 is a usual value; larger ones need a "
    "lower learning rate.",
    "noise": "How results differ between runs of the same settings with other seeds. A smaller difference "
    "than that is no difference.",
    "nuisance parameter": "One that must be tuned for each value of a scientific parameter to compare "
    "those fairly: learning rate and other settings of the optimiser, nearly always.",
    "objective": "The metric that the search improves, with its direction.",
    "optimiser": "How gradients become steps: sgd with momentum, adam and their kin. Each needs its own learning rate.",
    "out of memory": "The trial needed more memory than the GPU has. Such points are learned and avoided.",
    "overfitting": "Validation gets worse while training still gets better. Regularise, use more data or a "
    "smaller model; a comparison between overfitting trials may only favour the slowest.",
    "pareto front": "With several objectives: the trials that no other one beats in all of them.",
    "power law": "Errors that fall with a fixed power of the data: each doubling removes the same share of "
    "what is above the floor.",
    "pretraining": "Starting from weights that were trained on other data, mostly more of it.",
    "pruned": "Stopped early by a rule or a person. Its curve teaches the search; it ranks only where no trial "
    "ran to its end.",
    "quasi-random": "Points that fill the space evenly, such as Sobol's: what random points should look "
    "like. The best first phase of a search.",
    "regularisation": "What keeps a model from learning by heart: weight decay, dropout, augmentation, less training.",
    "rescue": "A trial that was to be stopped early and was let run all the same, to measure how often that is wrong.",
    "rung": "A step at which early stopping compares trials.",
    "schedule": "How the learning rate changes over the steps: constant, in steps, cosine, linear to zero, "
    "with warm-up.",
    "scientific parameter": "The one the question is about: its values are compared, each with its best "
    "nuisance settings.",
    "seed": "What random numbers start from. The same settings with another seed give another result: see noise.",
    "slot": "A place for one trial: a GPU, or a share of the cores.",
    "stacking": "An ensemble in which a small model learns how much to trust each member, on examples that "
    "none of them was trained on.",
    "step": "One update of the weights; in reports, whatever the script counts by.",
    "test set": "Examples that are looked at once, at the very end. Whoever chooses by it has no test set any more.",
    "throughput": "Examples, or steps, in a second. Doubling the batch should nearly double it; where not, "
    "something else is the bottleneck.",
    "trial": "One evaluation of one point of the search space.",
    "underfitting": "Training itself is not good yet: train longer, with a higher learning rate, a larger "
    "model, or less regularisation.",
    "validation set": "Examples that decide between settings. The more settings are compared, the luckier "
    "the best one looks on them.",
    "vanishing gradients": "Gradients that shrink from layer to layer until the first layers stand still. "
    "Remedies: relu or gelu, normalisation, skip connections, a fitting initialisation.",
    "warm-up": "Raising the learning rate from zero over the first steps. Lets a net stand a higher one "
    "when instability sets in early; at most a tenth of the steps.",
    "weight decay": "Shrinking all weights a little with every step. The standard regulariser; tune it on "
    "a log scale, together with the learning rate.",
}
"""Term -> what it means."""

SAME: dict[str, str] = {
    "parameters": "model size", "depth": "model size", "layers": "model size", "width": "model size",
    "lr": "learning rate", "learning_rate": "learning rate", "bs": "batch size", "batch": "batch size",
    "batch_size": "batch size", "optimizer": "optimiser", "sgd": "optimiser", "adamw": "adam",
    "sobol": "quasi-random", "bayesian": "bayesian optimisation",
    "bayesian optimization": "bayesian optimisation", "gp": "gaussian process", "ei": "expected improvement",
    "regularization": "regularisation", "regularizer": "regularisation", "generalisation gap": "gap",
    "generalization gap": "gap", "clipping": "gradient clipping", "clip": "gradient clipping",
    "warmup": "warm-up", "vanishing": "vanishing gradients", "exploding": "exploding gradients",
    "cv": "cross-validation", "folds": "cross-validation", "pareto": "pareto front", "front": "pareto front",
    "oom": "out of memory", "nan": "divergence", "diverged": "divergence", "imbalance": "class imbalance",
    "leak": "data leak", "duplicates": "data leak", "nuisance": "nuisance parameter",
    "scientific": "scientific parameter", "fixed": "fixed parameter", "conditional": "conditional parameter",
    "isolation": "isolation plot", "successive halving": "asha", "hyperband": "asha", "pruning": "early stopping",
    "variance": "noise", "seed noise": "noise", "logarithmic": "log scale", "log": "log scale",
    "scaling law": "power law", "acquisition": "acquisition function", "decay": "weight decay",
    "weight_decay": "weight decay", "wd": "weight decay", "relu": "activation", "sigmoid": "activation",
    "tanh": "activation", "gelu": "activation", "validation": "validation set", "test": "test set",
    "bound": "boundary", "edge": "boundary", "epochs": "epoch", "best-of-n": "best of n",
    "grad_norm": "gradient norm", "grad norm": "gradient norm", "fine-tuning": "pretraining",
}  # fmt: skip
"""Other words for them."""


def look_up(word: str) -> str | None:
    """The term that a word means; None when it is not one of them."""
    plain = " ".join(word.lower().split())
    for spelling in (plain, plain.replace("-", " "), plain.replace("_", " "), plain.replace(" ", "-")):
        if spelling in TERMS:
            return spelling
        if spelling in SAME:
            return SAME[spelling]
    return next((term for term in TERMS if term.rstrip("s") == plain.rstrip("s")), None)


def close_to(word: str) -> list[str]:
    """Terms that look like a mistyped word, or hold it."""
    plain = word.lower().strip()
    inside = [term for term in TERMS if plain and plain in term]
    return list(dict.fromkeys([*inside, *difflib.get_close_matches(plain, [*TERMS, *SAME], n=3, cutoff=0.6)]))


def all_terms() -> Iterator[tuple[str, str]]:
    """Each term with what it means, in the order of the alphabet."""
    yield from sorted(TERMS.items())
