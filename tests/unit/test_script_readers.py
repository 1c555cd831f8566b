"""Options that are no `add_argument`: classes, globals, configuration files, subcommands."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from tuned.client.drafting import load_script
from tuned.core.draft.customs import customs_of
from tuned.core.draft.prints import read_prints
from tuned.core.draft.ranges import choose
from tuned.core.draft.study_text import draft_study, read_script
from tuned.core.script.modules import modules_of
from tuned.core.script.option import Option, ScriptOptions
from tuned.core.script.options import read_options
from tuned.core.script.spelling import spelling_of
from tuned.core.study import RunSpec
from tuned.core.study_file.reporting import own_files
from tuned.core.study_file.taking import options_of
from tuned.daemon.files.code_state import CodeStates
from tuned.disk import Disk

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
ARGS = """
from dataclasses import dataclass, field
from typing import Literal, Optional
@dataclass
class Optim:
    lr: float = 1e-3
    nesterov: bool = False
@dataclass
class Args:
    optim: Optim
    seed: int = 1
    torch_deterministic: bool = True
    '''whether to be slow'''
    activation: Literal["relu", "tanh"] = "relu"
    drop_rate: Optional[float] = field(default=0.1, metadata={"help": "the rate"})
    target: float | None = None
    layers: list[int] = field(default_factory=list)
    data: str
"""


def read(text: str) -> ScriptOptions:
    return read_options(ast.parse(text))


def test_tyro() -> None:
    script = read(f"import tyro\n{ARGS}\nargs = tyro.cli(Args)\n")
    found = {option.name: option for option in script.options}
    assert script.how == "tyro" and list(found) == [
        "optim.lr", "optim.nesterov", "seed", "torch-deterministic", "activation", "drop-rate", "target", "layers",
        "data",
    ]  # fmt: skip
    assert (found["optim.lr"].kind, found["optim.lr"].default) == ("float", 1e-3)
    switch = spelling_of(found["torch-deterministic"], "torch_deterministic")
    assert (switch.on, switch.off) == (("--torch-deterministic",), ("--no-torch-deterministic",))
    assert spelling_of(found["optim.nesterov"], "optim.nesterov").off == ("--optim.no-nesterov",)
    assert found["torch-deterministic"].help == "whether to be slow" and found["drop-rate"].help == "the rate"
    assert found["activation"].choices == ("relu", "tanh") and found["layers"].many and found["data"].required
    assert (found["target"].kind, found["drop-rate"].default) == ("float", 0.1)
    assert script.named("optim.lr") == found["optim.lr"] and script.named("torch_deterministic") is not None


def test_hugging_face() -> None:
    text = f"{ARGS}\nfrom transformers import HfArgumentParser, TrainingArguments\n"
    script = read(text + "parser = HfArgumentParser((Optim, TrainingArguments))\n")
    found = {option.name: option for option in script.options}
    assert script.how == "transformers" and {"lr", "nesterov", "learning_rate", "output_dir"} <= set(found)
    assert spelling_of(found["nesterov"], "nesterov").off == ("--nesterov=false",)
    draft = draft_study(read_script(text + "HfArgumentParser((Optim, TrainingArguments))", "run.py"))
    assert '"--output_dir", "{run_dir}/work"' in draft.text and "learning_rate" in draft.tuned


def test_lightning_cli() -> None:
    text = (
        "from lightning.pytorch.cli import LightningCLI\n"
        "class Net:\n    def __init__(self, lr: float = 1e-3, hidden_dim: int = 64, bias: bool = True): pass\n"
        "class Data:\n    def __init__(self, *, batch_size: int = 32): pass\n"
        "LightningCLI(Net, Data)\n"
    )
    script = read(text)
    assert (script.how, script.command) == ("lightning", ("fit",))
    names = ["model.lr", "model.hidden_dim", "model.bias", "data.batch_size", "trainer.max_epochs"]
    assert [option.name for option in script.options] == [*names, "trainer.default_root_dir"]
    draft = draft_study(read_script(text, "train.py"))
    assert draft.tuned[:2] == ("model.lr", "model.hidden_dim")
    assert '"fit",' in draft.text and '"{params}"' in draft.text
    assert '"--trainer.default_root_dir={run_dir}/work"' in draft.text, "two trials at once would share a version"


def test_globals_before_a_configurator() -> None:
    script = read((SCRIPTS / "globals" / "train.py").read_text())
    found = {option.name: option for option in script.options}
    assert script.how == "globals" and {"learning_rate", "bias", "n_layer", "out_dir"} <= set(found)
    assert spelling_of(found["bias"], "bias").on == ("--bias=True",)
    assert spelling_of(found["learning_rate"], "learning_rate").python
    assert read("x = 1\nexec('y = 2')").how == ""
    loop = "lr = 0.1\nbias = True\nfor a in argv:\n    k, v = a.split('=')\n    globals()[k] = {}\n"
    own = {option.name: option for option in read(loop.format("literal_eval(v)")).options}
    assert list(own) == ["lr", "bias"] and spelling_of(own["bias"], "bias").on == ("--bias=True",)
    assert {option.truth for option in read(loop.format("type(globals()[k])(v)")).options} == {"unknown"}


def test_a_loop_over_fields_reads_bools_by_its_type() -> None:
    text = (
        "@dataclass\nclass Config:\n    bias: bool = True\n    lr: float = 0.1\n"
        "for f in fields(Config):\n    parser.add_argument(f'--{f.name}', type=%s)\n"
    )
    for given, truth in (("f.type", "any_text"), ("type(f.default)", "any_text"), ("convert", "unknown")):
        assert [(o.name, o.truth) for o in read(text % given).options] == [("bias", truth), ("lr", "")]
    assert spelling_of(read(text % "f.type").options[0], "bias").off == ("--bias=",)


@pytest.mark.parametrize(
    ("loop", "off"),
    [
        ("for k, v in DEFAULTS.items():\n    parser.add_argument(f'--{k}', default=v, type=type(v))", "--bias="),
        (
            "for k in DEFAULTS:\n    parser.add_argument('--' + k, default=DEFAULTS[k], type=type(DEFAULTS[k]))",
            "--bias=",
        ),
        (
            (
                "def defaults():\n    d = dict(lr=0.1)\n    d.update(DEFAULTS)\n    return d\n"
                "def add(parser, table):\n    for k, v in table.items():\n        kind = type(v)\n"
                "        if v is None:\n            kind = str\n        parser.add_argument(f'--{k}', type=kind)\n"
                "add(parser, defaults())"
            ),
            "--bias=",
        ),
        (
            (
                "for k, v in DEFAULTS.items():\n    kind = type(v)\n"
                "    if isinstance(v, bool):\n        kind = str2bool\n"
                "    parser.add_argument(f'--{k}', type=kind)"
            ),
            "--bias=false",
        ),
    ],
    ids=["items", "keys", "through a function", "a function for bools"],
)
def test_a_loop_over_a_dictionary_reads_bools_by_its_type(loop: str, off: str) -> None:
    text = f"DEFAULTS = dict(lr=0.1, bias=True)\nparser.add_argument('--seed', type=int, default=1)\n{loop}\n"
    found = {option.name: option for option in read(text).options}
    assert (set(found), found["lr"].kind, found["seed"].kind) == ({"seed", "lr", "bias"}, "float", "int")
    assert spelling_of(found["bias"], "bias").off == (off,)


OWN = "DEFAULTS = dict(lr=0.1, bias=True)"
LOOP = "for k, v in {}.items():\n    parser.add_argument(f'--{{k}}', default=v, type=type(v))\n"


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("from config import DEFAULTS\n" + LOOP.format("DEFAULTS"),
         {"config.py": "LR = 0.1\nDEFAULTS = dict(lr=LR, bias=True)"}),
        ("import lab.config as c\n" + LOOP.format("c.DEFAULTS"), {"lab/config.py": OWN}),
        ("from lab import config\n" + LOOP.format("config.DEFAULTS"), {"lab/config.py": OWN}),
        ("from config import *\n" + LOOP.format("DEFAULTS"), {"config.py": OWN}),
        ("from .config import DEFAULTS as D\n" + LOOP.format("D"),
         {"config.py": "from .base import DEFAULTS\nimport train", "base.py": OWN}),
        ("from config import defaults\n" + LOOP.format("defaults()"),
         {"config.py": "B = dict(bias=True)\ndef defaults():\n    d = dict(lr=0.1)\n    d.update(B)\n    return d"}),
        ("from util import add, base\nd = dict(lr=0.1)\nd.update(base())\nadd(parser, d)",
         {"util.py": "def base():\n    return dict(bias=True)\n"
          "def add(parser, table):\n    " + LOOP.format("table").replace("\n    ", "\n        ")}),
        ("from util import parser_of\nargs = parser_of().parse_args()",
         {"util.py": "def parser_of():\n    parser.add_argument('--lr', type=float, default=0.1)\n"
          "    parser.add_argument('--bias', type=bool, default=True)\ndef main():\n    parser.add_argument('--x')"}),
        ("from config import Config\nfor f in fields(Config):\n    parser.add_argument(f'--{f.name}', type=f.type)",
         {"config.py": "@dataclass\nclass Config:\n    lr: float = 0.1\n    bias: bool = True"}),
    ],
    ids=["from", "module", "package", "star", "relative", "function", "both", "declared", "dataclass"],
)  # fmt: skip
def test_options_that_another_module_of_the_user_defines_are_read(
    tmp_path: Path, text: str, others: dict[str, str]
) -> None:
    for name, content in {"train.py": text, **others}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found = {o.name: (o.kind, o.default) for o in load_script(str(tmp_path / "train.py"), tmp_path).taken.options}
    assert found == {"lr": ("float", 0.1), "bias": ("text", True)}
    run = RunSpec("script", str(tmp_path / "train.py"), cwd=str(tmp_path))
    bias = options_of(run, Disk()).named("bias")
    assert bias is not None and spelling_of(bias, "bias").off == ("--bias=",)


def test_a_class_of_another_module_behind_a_parser(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(ARGS)
    (tmp_path / "train.py").write_text("import tyro\nimport config\nargs = tyro.cli(config.Args)\n")
    taken = load_script(str(tmp_path / "train.py"), tmp_path).taken
    assert taken.how == "tyro" and {"optim.lr", "optim.nesterov", "torch-deterministic"} <= {
        o.name for o in taken.options
    }


def test_variables_of_the_environment_that_are_numbers_or_switches(tmp_path: Path) -> None:
    text = (
        "import os\nLR = float(os.environ.get('LR', '0.1'))\nN = int(os.getenv('LAYERS', 2))\nH = os.environ['HOME']\n"
        "AMP = os.environ.get('AMP', '0') == '1'\nBN = os.environ.get('BN', 'true').lower() == 'true'\n"
        "SEED = int(os.environ['SEED'])\nprint('loss', LR)\n"
    )
    (tmp_path / "train.py").write_text(text)
    draft = draft_study(load_script(str(tmp_path / "train.py"), tmp_path))
    typed = 'env = { LR = "{LR:.4g}", LAYERS = "{LAYERS}", AMP = "{AMP:d}", BN = "{BN}", SEED = "{seed}" }'
    assert typed in draft.text and "args" not in draft.text
    assert draft.tuned == ("LR", "LAYERS", "AMP", "BN")
    options = "import argparse\nargparse.ArgumentParser().add_argument('--lr', type=float)\n"
    (tmp_path / "options.py").write_text(options)
    (tmp_path / "train.py").write_text("import options\n" + text)
    assert load_script(str(tmp_path / "train.py"), tmp_path).taken.how == "argparse"


def test_the_bounds_that_an_option_declares_hold_for_its_range() -> None:
    text = "import click\n@click.option('--layers', type=click.IntRange(1, 3), default=2)\ndef train(layers): pass\n"
    (option,) = read(text).options
    assert (option.kind, option.declared, option.least, option.most) == ("int", True, 1, 3)
    assert choose(option).entry == {"type": "int", "low": 1, "high": 3}
    lower = read(
        text.replace("click.IntRange(1, 3)", "click.FloatRange(min=0.2)")
        .replace("layers", "dropout")
        .replace("=2)", "=0.3)")
    )
    assert choose(lower.options[0]).entry["low"] == 0.2
    assert choose(Option("decay", "--decay", "float", -1.0)).use == "leave"


FIRE = """
import fire
def train(lr: float = 0.1, layers=2, amp: bool = True, act='relu', sizes=[1, 2]): pass
def main():
    fire.Fire(train)
"""
TYPER = """
import typer
def train(lr: float = 0.1, layers: int = 2, amp: bool = True, act: str = 'relu', sizes: List[int] = [1]): pass
typer.run(train)
"""
APP = """
import typer
app = typer.Typer()
@app.command()
def show(path: str): pass
@app.command('fit')
def train_model(
    lr: Annotated[float, typer.Option(help='rate')] = 0.1, layers: int = typer.Option(2, '--layers', '-l'),
    amp: bool = typer.Option(True, '--amp/--fp32'), act: str = 'relu', sizes: List[int] = [1],
): pass
"""
ABSL = """
from absl import flags
flags.DEFINE_float('lr', 0.1, 'rate')
flags.DEFINE_integer('layers', 2, 'depth')
flags.DEFINE_boolean('amp', True, 'mixed')
flags.DEFINE_enum('act', 'relu', ['relu', 'tanh'], 'which')
flags.DEFINE_list('sizes', [1], 'several')
"""
FUNCTIONS = {
    "fire": (FIRE, "--amp=True", "--amp=False"),
    "run": (TYPER, "--amp", "--no-amp"),
    "app": (APP, "--amp", "--fp32"),
    "absl": (ABSL, "--amp=true", "--amp=false"),
}
"""Library -> a script, and how its switch is typed for true and for false."""


@pytest.mark.parametrize("library", FUNCTIONS)
def test_parameters_of_functions_and_flags_are_options(library: str) -> None:
    """As fire 0.7, Typer 0.29 and absl 2.5 take them."""
    text, on, off = FUNCTIONS[library]
    script = read(text)
    found = {option.name: option for option in script.options if not option.many}
    assert list(found) == ["lr", "layers", "amp", "act"]
    assert [(found[n].kind, found[n].default) for n in ("lr", "layers", "act")] == [
        ("float", 0.1), ("int", 2), ("text", "relu"),
    ]  # fmt: skip
    switch = spelling_of(found["amp"], "amp")
    assert (switch.on, switch.off) == ((on,), (off,))
    assert script.command == (("fit",) if library == "app" else ())
    draft = draft_study(read_script(text, "train.py"), chosen={"amp": {"type": "bool"}, "lr": 0.5})
    assert '"--lr", "{lr}"' in draft.text and '"{params:flags}"' in draft.text


def test_hydra_files() -> None:
    folder = SCRIPTS / "composed"
    tree = ast.parse((folder / "train.py").read_text())
    script = read_options(tree, lambda name: (folder / name).read_text() if (folder / name).is_file() else None)
    found = {option.name: option.default for option in script.options}
    assert script.how == "hydra" and found == {
        "optimizer.name": "sgd", "optimizer.lr": 0.01, "optimizer.momentum": 0.9, "optimizer.nesterov": False,
        "epochs": 3, "tag": "base",
    }  # fmt: skip
    assert read_options(tree).options == ()


SUBPARSERS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
sub = parser.add_subparsers()
evaluate = sub.add_parser("evaluate")
evaluate.add_argument("--split")
train = sub.add_parser("train")
train.add_argument("--lr", type=float, default=0.1)
"""
GROUP = """
import click
@click.group()
def cli(): pass
@cli.command()
@click.option("--split")
def evaluate(split): pass
@cli.command("train-model")
@click.option("--lr", default=0.1)
def train(lr): pass
"""


@pytest.mark.parametrize(("text", "command", "names"), [
    (SUBPARSERS, ("train",), ["seed", "lr"]),
    (GROUP, ("train-model",), ["lr"]),
    ("import click\n@click.command()\n@click.option('--lr', default=0.1)\ndef main(lr): pass\n", (), ["lr"]),
])  # fmt: skip
def test_subcommands(text: str, command: tuple[str, ...], names: list[str]) -> None:
    script = read(text)
    assert script.command == command and [option.name for option in script.options] == names
    if command:
        draft = draft_study(read_script(text, "main.py")).text
        assert f'"{command[0]}",' in draft
        assert "--seed" not in draft or draft.index('"--seed"') < draft.index(f'"{command[0]}"'), "refused behind it"


def test_a_loop_over_a_dataclass_declares_its_fields() -> None:
    script = read("""
import argparse, dataclasses
@dataclasses.dataclass
class Config:
    lr: float = 3e-4
    n_layers: int = 2
    amp: bool = False
parser = argparse.ArgumentParser()
for field in dataclasses.fields(Config):
    parser.add_argument(f"--{field.name}", type=field.type, default=field.default)
""")
    found = {option.flag: (option.kind, option.default, option.truth) for option in script.options}
    assert script.how == "argparse"
    assert found == {"--lr": ("float", 3e-4, ""), "--n_layers": ("int", 2, ""), "--amp": ("text", False, "any_text")}


@pytest.mark.parametrize(
    ("option", "given"),
    [
        (Option("save", "--save", "text", "model.pt"), "{run_dir}/work/model.pt"),
        (Option("log-file", "--log-file", "text"), "{run_dir}/work/output"),
        (Option("exp_dir", "--exp_dir", "text", "runs"), "{run_dir}/work"),
        (Option("model_dir", "--model_dir", "text"), "{run_dir}/work"),
        (Option("default_root_dir", "--default_root_dir", "text"), "{run_dir}/work"),
        (Option("ckpt_dir", "--ckpt_dir", "text", "ckpt"), "{checkpoint_dir}"),
        (Option("out", "--out", "text", "out"), "{run_dir}/work"),
    ],
)
def test_each_trial_writes_into_files_of_its_own(option: Option, given: str) -> None:
    choice = choose(option)
    assert (choice.use, choice.entry) == ("given", given)


@pytest.mark.parametrize("name", ["sample-only", "render", "capture_video", "track", "eval_only", "list"])
def test_switches_that_train_nothing_are_left(name: str) -> None:
    assert choose(Option(name, f"--{name}", "flag")).use == "leave"


@pytest.mark.parametrize(
    ("module", "name", "kind", "default", "low", "high"),
    [
        ("import gymnasium as gym", "gamma", "float", 0.99, 0.9, 0.9999),
        ("from stable_baselines3 import PPO", "ent_coef", "float", 0.0, 1e-8, 0.1),
        ("import xgboost as xgb", "max-depth", "int", 6, 3, 10),
        ("import xgboost", "reg_lambda", "float", 1.0, 1e-3, 10.0),
        ("import lightgbm", "num_leaves", "int", 31, 15, 255),
        ("import lightgbm", "min_child_samples", "int", 20, 5, 1000),
        ("import lightgbm", "min_child_weight", "float", 1e-3, 1e-3, 10.0),
        ("from sklearn.svm import SVC", "C", "float", 1.0, 1e-3, 1e3),
        ("import torch", "gamma", "float", 0.7, 0.1, 0.99),
    ],
)
def test_a_range_is_that_of_the_library(
    module: str, name: str, kind: str, default: float, low: float, high: float
) -> None:
    option = Option(name, f"--{name}", kind, default)  # type: ignore[arg-type]
    choice = choose(option, customs_of(ast.parse(module)))
    assert choice.use == "tune" and (choice.entry["low"], choice.entry["high"]) == (low, high)
    assert (choice.why.split(" ")[0] in ("as", "among")) == (module != "import torch")


def test_a_file_that_a_script_executes_is_its_own() -> None:
    folder = SCRIPTS / "globals"
    found = own_files(str(folder / "train.py"), Disk())
    assert found == [str(folder / "train.py"), str(folder / "configurator.py")]


@pytest.mark.parametrize(
    "text",
    [
        "exec(open('part.py').read())",
        "exec(Path(__file__).with_name('part.py').read_text())",
        "exec(open(os.path.join(here, 'part.py')).read())",
        "runpy.run_path('part.py')",
        "subprocess.run([sys.executable, 'part.py'])",
        "importlib.import_module('part')",
        "__import__('part')",
        "from lab import inner",
    ],
)
def test_the_hash_of_the_code_covers_what_a_script_runs(tmp_path: Path, text: str) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "inner.py").write_text("exec(open('part.py').read())\n")
    (tmp_path / "part.py").write_text("x = 1\n")
    (tmp_path / "train.py").write_text(text)
    runs = [
        RunSpec("script", str(tmp_path / "train.py"), cwd=str(tmp_path)),
        RunSpec(
            "command", command=("torchrun", "--nproc-per-node", "2", "--standalone", "train.py"), cwd=str(tmp_path)
        ),
        RunSpec("script", str(tmp_path / "other.py"), args=("train.py", "{params}"), cwd=str(tmp_path)),
    ]
    before = [CodeStates().state(run)["hash"] for run in runs]
    (tmp_path / "part.py").write_text("x = 2\n")
    assert all(CodeStates().state(run)["hash"] != old for run, old in zip(runs, before, strict=True))


def test_a_rollout_is_no_length_of_a_trial() -> None:
    option = Option("num-steps", "--num-steps", "int", 128)
    assert choose(option).use == "fix"
    assert choose(option, customs_of(ast.parse("import gymnasium"))).entry[:2] == [32, 64]


def test_options_in_a_file_of_their_own_are_drafted(tmp_path: Path) -> None:
    shutil.copytree(SCRIPTS / "packaged", tmp_path, dirs_exist_ok=True)
    script = load_script(str(tmp_path / "lab" / "train.py"), tmp_path)
    assert (script.module, script.cwd, script.taken.how) == ("lab.train", ".", "argparse")
    assert [option.name for option in script.taken.options] == ["x", "square"]
    draft = draft_study(script)
    assert 'module = "lab.train"' in draft.text and draft.tuned == ("square",)


def test_steps_directions_and_callbacks_of_drafts() -> None:
    tree = ast.parse('print(f"global_step={global_step}, episodic_return={info[0]}")')
    [pattern] = read_prints(tree).patterns
    assert "(?P<step>" in pattern and "(?P<episodic_return>" in pattern
    scored = read_prints(ast.parse('best_score = log_loss(y, p)\nprint(f"best_score: {best_score}")'))
    assert scored.metrics == ("best_score",) and scored.direction("best_score") == "minimize"
    other = read_prints(ast.parse('best_score = accuracy(y, p)\nprint(f"best_score: {best_score}")'))
    assert other.direction("best_score") == "maximize"
    ours = read_prints(ast.parse("from tuned.integrations.keras import TunedCallback"))
    assert ours.reported and ours.metrics == ("val_loss",)


def test_of_what_lies_beside_a_script_the_lent_package_is_not_read() -> None:
    asked: list[str] = []
    modules_of(ast.parse("import tuned, options\nfrom tuned.sdk import trial"), asked.append)
    assert asked == ["options.py", "options/__init__.py", "../options.py", "../options/__init__.py",
                     "../../options.py", "../../options/__init__.py"]  # fmt: skip
