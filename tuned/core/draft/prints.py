"""Printed values of a script that look like metrics, read from its text, and the patterns that find it in the output.

Owns that guess; `tunectl check FILE --run` shows what the patterns really match.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tuned.core.draft.library_lines import called_back, library_lines
from tuned.core.draft.printed_lines import SHOWN, Line, printed_lines

_NUMBER = r"[-+.\w]+"
_WHOLE = r"\d+"
_STEPS = ("epoch", "step", "iter", "iteration", "it", "batch", "round", "update")
_METRIC = re.compile(
    r"(?:^|_)(loss|err|error|acc|accuracy|top1|top5|f1|auc|auroc|ap|map|miou|iou|dice|bleu|rouge|score|reward|return"
    r"|perplexity|ppl|mse|mae|rmse|rmsle|mape|nll|logloss|mlogloss|merror|brier|wer|cer|fid|psnr|ssim|r2|bpb|bpc|elbo"
    r"|aucpr|precision|recall|mrr|ndcg)(?:$|_)"
)
_MAXIMIZED = re.compile(
    r"(?:^|_)(acc|accuracy|top1|top5|f1|auc|auroc|ap|map|miou|iou|dice|bleu|rouge|score|reward|return|psnr|ssim|r2"
    r"|aucpr|precision|recall|mrr|ndcg|rew|success_rate|win_rate|io_u|similarity)(?=$|_)"
)
_MINIMIZED = re.compile(
    r"(?:^|_)(loss|err|error|perplexity|ppl|mse|mae|rmse|rmsle|mape|nll|wer|cer|fid|bpb|bpc|logloss|mlogloss"
    r"|merror|brier|regret|crossentropy|cross_entropy|divergence|hinge|deviance|poisson|logcosh)(?=$|_)"
)
_NEGATED = re.compile(r"(?:^|_)(neg|negative)_")
_PARTS = {
    "val": "val", "valid": "valid", "validation": "val", "eval": "eval", "evaluation": "eval", "dev": "dev",
    "test": "test", "testing": "test", "train": "train", "training": "train",
}  # fmt: skip
_AROUND = ("best", "final", "mean", "avg", "average", "running", "total")
_LABEL = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9_.-]*(?:/[A-Za-z][A-Za-z0-9_.-]*)*(?: (?=[A-Za-z])|(?=['\"]?[\s:=(\[]*$))){1,5}"
    r"['\"]?[\s:=(\[]*$"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The metrics in the output, as far as the text shows them.

    Attributes:
        patterns: Regular expressions with the metrics, and where there is one the step, as named groups.
        metrics: Names that the patterns, or the script's own reports, give; the best candidate for an objective first.
        reported: Whether they are reported through `tuned`, so that no pattern is needed.
        less: Names that are computed as losses or errors, whatever they are called.
    """

    patterns: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    reported: bool = False
    less: frozenset[str] = frozenset()

    def direction(self, metric: str) -> str:
        """`minimize` or `maximize`, by how the script computes the metric or else by its name."""
        return "minimize" if metric in self.less else direction_of(metric)


def read_prints(tree: ast.Module) -> Found:
    """The metrics that a script prints or reports.

    Args:
        tree: Its text, parsed.
    """
    reported = list(dict.fromkeys(_reported(tree)))
    if reported:
        return Found((), tuple(sorted(reported, key=rank)), reported=True)
    through_us = called_back(tree)
    if through_us is not None:
        return Found((), through_us, reported=True)
    patterns: dict[str, list[str]] = {}
    for line in printed_lines(tree):
        made = pattern_of(line)
        if made is not None:
            patterns.setdefault(*made)
    libraries = list(library_lines(tree))
    for printed in libraries:
        patterns = {**printed.metrics, **patterns}
    metrics = list(dict.fromkeys(name for names in patterns.values() for name in names))
    kept = list(_needed(patterns))
    steps = [printed.step for printed in libraries if printed.step and set(printed.metrics) & set(kept)]
    return Found((*steps, *kept), tuple(sorted(metrics, key=rank)), less=lessened(tree))


def usual_direction(metric: str) -> str:
    """`minimize` or `maximize` where a metric's name says which; empty where it does not.

    The last word that is a metric's counts: `best_score` is maximized, `score_loss` and `neg_log_loss`'s own are not.
    """
    name = re.sub(r"[^a-z0-9]+", "_", metric.lower())
    if _NEGATED.search(name):
        return "maximize"
    found = [(match.end(), "maximize") for match in _MAXIMIZED.finditer(name)]
    found += [(match.end(), "minimize") for match in _MINIMIZED.finditer(name)]
    return max(found)[1] if found else ""


def direction_of(metric: str) -> str:
    """`maximize` for a metric of which more is better, judged by its name; `minimize` for any other."""
    return usual_direction(metric) or "minimize"


def rank(metric: str) -> tuple[int, int, int]:
    """Sorts candidates for the objective: held-out before training, losses before scores, best and final ones last."""
    words = metric.lower().split("_")
    held_out = 0 if set(words) & {"val", "valid", "eval", "dev"} else 1 if "test" in words else 2
    return 3 if "train" in words else held_out, 0 if "loss" in words else 1, len(set(words) & set(_AROUND))


def pattern_of(line: Line) -> tuple[str, list[str]] | None:
    """The pattern for one printed line, and the metrics in it; None when it holds none.

    The pattern covers the line from its first named value, or from the word that says which data it is of, to its last.
    """
    names = _names(line)
    metrics = [name for name in names.values() if name != "step"]
    if not metrics:
        return None
    first, last = min(names), max(names)
    begin, text = _beginning(line, first, names[first])
    pieces = [_literal(text)]
    for i, piece in enumerate(line[begin + 1 : last + 1], start=begin + 1):
        if isinstance(piece, str):
            pieces.append(_literal(piece))
            continue
        if piece.padded and not pieces[-1].endswith(r"\s+"):
            pieces.append(r"\s*")
        if i in names:
            number = SHOWN if piece.shown else _NUMBER.replace("]", piece.more + "]")
            quote = "['\"]?" if piece.shown else ""
            pieces.append(f"{quote}(?P<{names[i]}>{_WHOLE if names[i] == 'step' else number})")
            if piece.shown and i < last:
                pieces.append(".*?")  # the rest of a value that shows its type
        else:
            pieces.append(".*?" if piece.shown else r"\S*")
    words = "".join([text, *(piece for piece in line[begin + 1 : last] if isinstance(piece, str))])
    if first <= 1 and not re.search(r"[A-Za-z]{2}", words):
        pieces.insert(0, r"^\s*")  # bare numbers: at least hold them to the line's beginning
    return "".join(pieces), metrics


def _beginning(line: Line, first: int, name: str) -> tuple[int, str]:
    """The piece that the pattern begins with, and what of its text; -1 where it begins with a value."""
    part = next((word for word in name.split("_") if word in _PARTS.values()), None)
    before = line[first - 1] if first else ""
    if not isinstance(before, str):
        return first - 1, ""
    label = _label(before)
    said = {_PARTS[word] for word in re.findall(r"[a-z]+", label.lower()) if word in _PARTS}
    for i in range(first - 1, -1, -1) if part is not None and part not in said else ():
        piece = line[i]
        places = (
            [m.start() for m in re.finditer(r"[A-Za-z]+", piece) if _PARTS.get(m[0].lower()) == part]
            if isinstance(piece, str)
            else []
        )
        if isinstance(piece, str) and places:
            return i, piece[places[-1] :]
    return first - 1, label or before.lstrip()


def _names(line: Line) -> dict[int, str]:
    """Index of a hole -> `step`, or the metric's name."""
    names: dict[int, str] = {}
    part = ""
    for i, piece in enumerate(line):
        if isinstance(piece, str):
            words = [_PARTS[word] for word in re.findall(r"[a-z]+", piece.lower()) if word in _PARTS]
            part = words[-1] if words else part
            continue
        before = line[i - 1] if i and isinstance(line[i - 1], str) else ""
        name = _name(str(before), piece.source)
        if _is_step(name):
            if "step" not in names.values():
                names[i] = "step"
            continue
        words = [_PARTS.get(word, word) for word in name.split("_")]
        if part and not set(words) & set(_PARTS.values()):
            words.insert(0, part)
        name = "_".join(words)
        if _METRIC.search(name) and name not in names.values():
            names[i] = name
    return names


def _name(before: str, source: str) -> str:
    """`val_loss` for `Val loss: `; the printed name counts, and the expression's own name where it says more."""
    label = re.sub(r"[^A-Za-z0-9]+", "_", _label(before)).strip("_").lower()
    own = source.lower()
    if not label:
        return own if _METRIC.search(own) or _is_step(own) else ""
    return own if own.endswith("_" + label.rpartition("_")[2]) and _METRIC.search(own) else label


def _label(text: str) -> str:
    """The words right before a value: at most three, and nothing of what belongs to the value before it."""
    match = _LABEL.search(text)
    if match is None:
        return ""
    words = list(re.finditer(r"[A-Za-z][A-Za-z0-9_./-]*", match[0]))
    start = len(words)
    while start and len(words) - start < 3 and _is_word(words[start - 1][0]):
        start -= 1
    if start == len(words):
        return ""
    begin = match.start() + words[start].start()
    return text[begin - (text[begin - 1 : begin] in ("'", '"')) :]  # with its quote: `loss` is none of `eval_loss`


def _is_word(word: str) -> bool:
    lowered = re.sub(r"[^a-z0-9]+", "_", word.lower())
    return bool(_METRIC.search(lowered)) or _is_step(lowered) or lowered in _PARTS or lowered in _AROUND


def _is_step(name: str) -> bool:
    """Whether a name counts steps: `epoch`, `global_step`."""
    return name.rpartition("_")[2] in _STEPS


def _literal(text: str) -> str:
    """Literal text as a pattern: any white space for white space, so that padding does not matter."""
    parts = re.split(r"(\s+)", text)
    return "".join(r"\s+" if part.isspace() else re.escape(part).replace(r"\-", "-") for part in parts if part)


def _needed(patterns: dict[str, list[str]]) -> Iterator[str]:
    """Patterns that give a metric, or a step for it, which no earlier one gives."""
    seen: set[str] = set()
    for pattern, names in sorted(patterns.items(), key=lambda entry: "(?P<step>" not in entry[0]):
        if set(names) - seen:
            seen |= set(names)
            yield pattern


def lessened(tree: ast.Module) -> frozenset[str]:
    """Names that the script computes with a function of losses or errors: `best_score = log_loss(...)`."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            function = node.value.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if usual_direction(name) == "minimize":
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(found)


def _reported(tree: ast.Module) -> Iterator[str]:
    """Names in `trial.report(step=..., val_loss=...)`, in scripts that import us."""
    ours = any(
        isinstance(node, ast.Import | ast.ImportFrom)
        and "tuned" in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        for node in ast.walk(tree)
    )
    for node in ast.walk(tree) if ours else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "report":
            yield from (word.arg for word in node.keywords if word.arg and word.arg not in ("step", "metrics"))
