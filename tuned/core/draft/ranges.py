"""The use of a script's option for a search: a customary range, a fixed value, or nothing that a search should touch.

Owns these customs, judged by name, type and default. They are where a person begins to edit, so each says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tuned.core.draft.customs import Custom, float_entry
from tuned.core.script.option import Option

Use = Literal["tune", "fix", "given", "leave"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The use that is made of an option.

    Attributes:
        use: `tune` (a parameter), `fix` (one value, there to be changed), `given` (an argument alone) or `leave`.
        entry: The entry in `[space]`, or the argument's text; None when it is left alone.
        why: One phrase for the comment beside it; empty when there is nothing to say.
    """

    use: Use
    entry: Any = None
    why: str = ""


LARGEST = 1e12
"""Defaults beyond this mean "without end"; nobody tunes around them."""

Rule = Callable[[Option], Choice]


def choose(option: Option, customs: Mapping[str, Custom] | None = None) -> Choice:
    """The use to make of an option.

    Args:
        option: It.
        customs: Ranges that hold for the libraries of its script, by name.
    """
    name = option.name.lower().replace("-", "_").replace(".", "_")
    custom = (customs or {}).get(name)
    if custom is not None and not option.many and not option.choices and option.kind in ("float", "int"):
        return _within(Choice("tune", custom.entry, custom.source), option)
    if option.many:
        return _required(option, "takes several values")
    if option.kind == "flag":
        return _flag(option, name)
    for pattern, rule in _BY_NAME:
        if pattern.search(name):
            found = rule(option)
            if _elsewhere(found.entry, option):
                return Choice("leave", why=f"{option.default:g} by default, beyond what is customary for the name")
            if found.use != "leave" or option.kind == "text":
                return _within(found, option)
            break
    if option.choices:
        return _choices(option)
    if option.kind in ("float", "int") and option.default is not None and not isinstance(option.default, str):
        return Choice("leave", why=f"a number ({option.default:g} by default) of unknown meaning")
    return _required(option, "" if option.default is None else f"{option.default!r} by default")


def _within(choice: Choice, option: Option) -> Choice:
    """The choice with the bounds that the option declares; none where these leave no range."""
    if not isinstance(choice.entry, Mapping) or "low" not in choice.entry:
        return choice
    low, high = choice.entry["low"], choice.entry["high"]
    low = low if option.least is None else max(low, option.least)
    high = high if option.most is None else min(high, option.most)
    return replace(choice, entry={**choice.entry, "low": low, "high": high}) if low < high else Choice("leave")


def _elsewhere(entry: Any, option: Option) -> bool:
    """Whether the script's own value lies outside of a range for its name, which then means something else: a `decay`
    of 0.99 is none of the weights. Zero is customary for what is switched off.
    """
    default = _number(option)
    return (
        bool(default) and isinstance(entry, Mapping) and "low" in entry and not entry["low"] <= default <= entry["high"]
    )


def _words(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{'|'.join(names)})(?:$|_)")


def _number(option: Option) -> float | None:
    known = option.default
    if isinstance(known, bool) or not isinstance(known, int | float) or not abs(known) < LARGEST:
        return None
    return float(known)


def _is_number(option: Option) -> bool:
    return option.kind in ("float", "int") or _number(option) is not None


def _learning_rate(option: Option) -> Choice:
    if not _is_number(option):
        return Choice("leave")
    default = _number(option) or 1e-3
    if not 1e-12 < default < 1e6:
        return Choice("leave")
    middle = 10.0 ** math.floor(math.log10(default) + 0.5)
    high = min(middle * 100, max(1.0, middle * 10))
    return Choice("tune", float_entry(_neat(middle / 100), _neat(high), log=True), "two decades each way")


def _decay(option: Option) -> Choice:
    allowed = _is_number(option) and (_number(option) or 0.0) >= 0
    return Choice("tune", float_entry(1e-6, 0.1, log=True)) if allowed else Choice("leave")


def _between(low: float, high: float, why: str = "") -> Rule:
    def rule(option: Option) -> Choice:
        default = _number(option)
        if option.kind == "int" or (default is not None and not low <= default <= max(high, 1.0)):
            return Choice("leave")
        return Choice("tune", float_entry(low, high), why)

    return rule


def _clip(option: Option) -> Choice:
    return Choice("tune", float_entry(0.1, 10.0, log=True)) if option.kind == "float" else Choice("leave")


def _width(option: Option) -> Choice:
    default = _number(option)
    if option.kind != "int" or default is None or default < 4:
        return Choice("leave")
    entry = {"type": "int", "low": max(1, int(default / 4)), "high": int(default * 4), "log": True}
    return Choice("tune", entry, "a factor of four each way")


def _depth(option: Option) -> Choice:
    default = _number(option)
    if option.kind != "int" or default is None or default < 1:
        return Choice("leave")
    return Choice("tune", {"type": "int", "low": max(1, int(default / 2)), "high": int(default) * 2})


def _batch(option: Option) -> Choice:
    default = _number(option)
    if default is None:
        return Choice("leave")
    listed = ", ".join(str(int(value)) for value in (max(1, default // 2), default, default * 2))
    why = f"decides speed rather than quality: take the largest that is fast. To compare: [{listed}]"
    return Choice("fix", int(default), why)


def _length(option: Option) -> Choice:
    default = _number(option)
    if default is None:
        return Choice("leave")
    return Choice("fix", option.default, "how long a trial is; the same for all, so that they compare")


def _seed(option: Option) -> Choice:
    if option.kind == "text":
        return Choice("leave")
    return Choice("given", "{seed}", "each trial's own seed")


def _output(option: Option) -> Choice:
    if _number(option) is not None or option.kind != "text":
        return Choice("leave")
    file = _file_of(option)
    if file:
        return Choice("given", f"{{run_dir}}/work/{file}", "a file of each trial's own")
    return Choice("given", "{run_dir}/work", "a folder of each trial's own, so that none overwrites another's")


def _checkpoints(option: Option) -> Choice:
    if option.kind != "text":
        return Choice("leave")
    return Choice("given", "{checkpoint_dir}", "a folder that the attempts of a trial share")


def _file_of(option: Option) -> str:
    """The name of the file that an output option writes; empty for a folder."""
    default = str(option.default or "")
    name = default.replace("\\", "/").rpartition("/")[2]
    if re.search(r"\.[A-Za-z][A-Za-z0-9]{0,6}$", name):
        return name
    named = re.search(r"(?:^|[_-])(?:file|filename|fname|csv|json)$", option.name.lower()) is not None
    return "output" if named or re.search(r"\b(?:file|filename)\b", option.help.lower()) else ""


def _left(why: str) -> Rule:
    return lambda option: _required(option, why)


_WRITTEN = (
    r"(?:out|output|saved?|log|logging|results?|runs?|exp|experiments?|work|model|tb|tensorboard|summary|snapshot)"
)
_FOLDER_OF = rf"{_WRITTEN}_?(?:dir|directory|folder|path|root|file|filename)"
_OUTPUT = rf"^(?:out|output|outdir|save|results?|logs?|run|{_FOLDER_OF})$|_{_FOLDER_OF}$|(?:^|[._])default_root_dir$"
_CHECKPOINTS = r"(?:^|_)(?:ckpts?|checkpoints?)_?(?:dir|directory|folder|root)$"

_BY_NAME: tuple[tuple[re.Pattern[str], Rule], ...] = (
    (_words("log_interval", "log_every", "print_every", "eval_every", "eval_interval", "save_every", "interval"),
     _left("")),
    (_words("num_workers", "workers", "threads", "n_jobs", "gpu", "gpus", "device", "local_rank", "rank", "port"),
     _left("the machine's business")),
    (_words("config", "cfg", "config_file", "config_path"), _left("for scripts that read such a file: [[run.config]]")),
    (_words("random_seed", "manual_seed", "random_state", "seed"), _seed),
    (re.compile(_CHECKPOINTS), _checkpoints),
    (_words("resume", "checkpoint", "ckpt", "load", "pretrained_path", "restore"),
     _left("see [run.resume] in the documentation for going on from a checkpoint")),
    (re.compile(_OUTPUT), _output),
    (_words("min_lr", "lr_min", "final_lr", "end_lr", "warmup_lr"), _left("a part of the schedule")),
    (_words("early_stopping_rounds?"), _left("")),
    (_words("learning_rate", "lr", "lr0", "eta", "step_size", "base_lr", "alpha_lr"), _learning_rate),
    (_words("weight_decay", "wd", "l1", "l2", "decay"), _decay),
    (_words("dropout", "drop", "drop_rate", "drop_path", "droppath", "p_drop"), _between(0.0, 0.6)),
    (_words("label_smoothing", "smoothing"), _between(0.0, 0.2)),
    (_words("momentum", "beta1", "beta_1"), _between(0.5, 0.99)),
    (_words("beta2", "beta_2"), _between(0.9, 0.9999)),
    (_words("mixup", "cutmix"), _between(0.0, 1.0)),
    (_words("clip", "grad_clip", "clip_norm", "max_norm", "max_grad_norm", "clip_grad"), _clip),
    (_words("temperature", "temp", "tau"), _between(0.1, 2.0)),
    (_words("gamma"), _between(0.1, 0.99)),
    (_words("warmup_ratio", "warmup_fraction", "warmup"), _between(0.0, 0.2)),
    (_words("batch_size", "batch", "bs", "batchsize", "bsz"), _batch),
    (_words("epochs", "epoch", "num_epochs", "n_epochs", "max_epochs", "steps", "num_steps", "max_steps", "max_iters",
            "iterations", "iters", "n_iter", "max_iter", "num_iterations", "num_train_epochs", "total_timesteps",
            "timesteps", "num_boost_round", "n_estimators", "rounds", "num_round", "nrounds"), _length),
    (_words("width", "hidden", "hidden_size", "hidden_dim", "units", "channels", "d_model", "embed_dim",
            "embedding_dim", "n_embd", "filters", "dim", "n_hidden", "nhid", "emsize"), _width),
    (_words("layers", "n_layers", "num_layers", "depth", "blocks", "n_layer", "nlayers", "num_blocks"), _depth),
)  # fmt: skip

_PARENTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (_words("momentum", "nesterov"), ("momentum", "sgd", "nesterov", "rmsprop")),
    (_words("beta1", "beta_1", "beta2", "beta_2"), ("adam", "adamw", "nadam", "radam", "lion", "lamb", "amsgrad")),
    (_words("dropout", "drop_rate"), ("dropout",)),
)
"""Options that mean something beside some values of another option alone, and those values."""


def condition(option: Option, options: Sequence[Option]) -> dict[str, Any]:
    """The `when` of an option: beside which values of another option it means anything; empty for always."""
    name = option.name.lower().replace("-", "_")
    for pattern, values in _PARENTS:
        for parent in options if pattern.search(name) else ():
            found = [value for value in parent.choices if str(value).lower() in values]
            named = [value for value in found if str(value).lower() in name] or found
            if parent.name != option.name and named and len(named) < len(parent.choices):
                return {parent.name: named[0] if len(named) == 1 else named}
    return {}


_LEFT_FLAGS = re.compile(
    r"(?:^|_)(?:cuda|mps|gpu|cpu|verbose|debug|quiet|silent|eval|evaluate|test|dry_run|save|resume|wandb|progress|bar"
    r"|sample|samples|sample_only|generate|render|video|capture|track|infer|inference|predict|demo|only|list|version"
    r"|plot|profile|distributed|deterministic|force|overwrite|download|visuali[sz]e|no_save|log|export|accel|xpu)(?:$|_)"
)


_DATA_FLAGS = re.compile(r"^(?:full|final)$|(?:^|_)(?:trainval|(?:full|all)_(?:data|train|training))(?:$|_)")
_DATA_HELP = re.compile(
    r"\btest (?:set|data|split)\b|\b(?:all|full) (?:of )?(?:the )?(?:training )?data\b", re.IGNORECASE
)


def _flag(option: Option, name: str) -> Choice:
    if _DATA_FLAGS.search(name) or _DATA_HELP.search(option.help):
        return Choice("leave", why="a switch that decides on which data: of use in [finalize] or [test]")
    if _LEFT_FLAGS.search(name):
        return Choice("leave", why="a switch that changes no result")
    if option.on and not option.off and not option.inverts:
        return Choice("leave", why="on by default, and nothing turns it off")
    return Choice("tune", {"type": "bool"}, option.help[:60])


_SETTING = _words("datasets?", "data", "device", "mode", "task", "split", "stage", "backend")
"""Choices that decide what is trained, not how well."""


def _choices(option: Option) -> Choice:
    if len(option.choices) == 1:
        return Choice("leave", why="there is one value alone")
    if len(option.choices) > 12 or _SETTING.search(option.name.lower().replace("-", "_")):
        more = " ..." if len(option.choices) > 4 else ""
        return _required(option, f"one of {', '.join(str(value) for value in option.choices[:4])}{more}")
    return Choice("tune", list(option.choices))


def _required(option: Option, why: str) -> Choice:
    if not option.required:
        return Choice("leave", why=why)
    if option.choices:
        return Choice("given", str(option.choices[0]), "it is required: is this the one?")
    return Choice("given", "TODO", "it is required: say what it shall be")


def _neat(value: float) -> float:
    return float(f"{value:.3g}")
