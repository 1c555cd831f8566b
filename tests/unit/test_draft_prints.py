"""Patterns read from what scripts print: each finds its metrics in what the very statement prints when it is run."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from typing import Any

import pytest

from tuned.core.draft.prints import direction_of, read_prints
from tuned.launch.numbers import read_number
from tuned.launch.patterns import Lines, Patterns

VALUES = {
    "epoch": 3, "step": 7, "epochs": 20, "i": 2, "n": 9, "loss": 0.25, "val_loss": 0.5, "val_acc": 0.75, "acc": 91.5,
    "best": 92.0, "test_loss": 0.125, "correct": 18, "t": 1.5, "losses": {"train": 0.25, "val": 0.5}, "m": 1e-7,
}  # fmt: skip


class Loss(float):
    """A number that shows its type in a dictionary, as those of NumPy and PyTorch do."""

    def __repr__(self) -> str:
        return f"tensor({float(self)}, device='cuda:0')"


def printed(statement: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(statement, {**VALUES, "json": json, "Loss": Loss})
    return out.getvalue()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("print('epoch', epoch, 'loss', loss)", {"step": 3, "loss": 0.25}),
        ("print(f'Epoch {epoch:3d}/{epochs} train loss {loss:.4f} val_loss: {val_loss:.4f}')",
         {"step": 3, "train_loss": 0.25, "val_loss": 0.5}),
        ("print(f'[{epoch:4d}] val/loss={val_loss:8.4f} val/acc={val_acc:.2%}')",
         {"step": 3, "val_loss": 0.5, "val_acc": 75}),
        ("print('Train Epoch: {} [{}/{} ({:.0f}%)]\\tLoss: {:.6f}'.format(epoch, i, n, 22.2, loss))",
         {"step": 3, "train_loss": 0.25}),
        ("print('\\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\\n'.format(test_loss, correct, n, 90.))",
         {"test_loss": 0.125, "test_accuracy": 18}),
        ("print('Epoch {}: valid acc = {:6.2f}% best={}'.format(epoch, acc, best))", {"step": 3, "valid_acc": 91.5}),
        ("print('step %d of %d: loss %.3f, time %.1f' % (step, n, loss, t))", {"step": 7, "loss": 0.25}),
        ("print('step %5d | error %g |' % (step, m))", {"step": 7, "error": 1e-7}),
        ("print(f\"step {step}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}\")",
         {"step": 7, "train_loss": 0.25, "val_loss": 0.5}),
        ("print(f'{epoch} {val_loss:.3f} {val_acc:.3f}')", {"step": 3, "val_loss": 0.5, "val_acc": 0.75}),
        ("print('Accuracy of the network on the 10000 test images: %d %%' % acc)", {"test_acc": 91}),
        ("print('Epoch: ' + str(epoch) + ', loss: ' + str(loss))", {"step": 3, "loss": 0.25}),
        ("print('\\033[1mval_loss\\033[0m', val_loss)", {"val_loss": 0.5}),
        ("print({'loss': loss, 'grad_norm': t, 'epoch': 3.0})", {"step": 3, "loss": 0.25}),
        ("print({'eval_loss': Loss(val_loss), 'eval_runtime': t, 'epoch': epoch})", {"step": 3, "eval_loss": 0.5}),
        ("print({'epoch': 3.0, 'tags': ['a', 'b'], 'val_acc': str(val_acc)})", {"step": 3, "val_acc": 0.75}),
        ("logs = {'val/loss': val_loss, 'step': step}\nprint('logs', logs)", {"step": 7, "val_loss": 0.5}),
        ("logs = dict(epoch=epoch, acc=acc)\nprint(f'{dict(epoch=epoch, acc=acc)}')", {"step": 3, "acc": 91.5}),
        ("print(json.dumps({'epoch': epoch, 'val_loss': val_loss}))", {"step": 3, "val_loss": 0.5}),
        ("print(f'round {i} valid logloss: {val_loss:.5f}')", {"step": 2, "valid_logloss": 0.5}),
        ("print(f'Epoch {epoch}: valid acc: {val_acc:.2%}, valid loss: {val_loss:.6f}')",
         {"step": 3, "val_acc": 75, "val_loss": 0.5}),
        ("print('epoch {} acc {:.1%} | loss {:,.1f} |'.format(epoch, val_acc, 12345.5))",
         {"step": 3, "val_acc": 75, "loss": 12345.5}),
        ("print('train: loss', loss, 'acc', acc, '| val: loss', val_loss)",
         {"train_loss": 0.25, "train_acc": 91.5, "val_loss": 0.5}),
    ],
)  # fmt: skip
def test_the_pattern_finds_what_is_printed(statement: str, expected: dict[str, float]) -> None:
    found = read_prints(ast.parse(statement))
    (pattern,) = found.patterns
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in printed(statement).splitlines()]
    matches = [match for match in (re.search(pattern, line) for line in lines) if match]
    assert len(matches) == 1, (pattern, lines)
    assert {name: read_number(value) for name, value in matches[0].groupdict().items()} == pytest.approx(expected)
    assert set(found.metrics) == set(expected) - {"step"}


@pytest.mark.parametrize(
    "line",
    [
        "{'eval_loss': 0.5, 'eval_accuracy': 0.75, 'eval_runtime': 1.5, 'epoch': 0.25}",
        "{'eval_loss': '0.5', 'eval_accuracy': '0.75', 'epoch': '0.25'}",
        " 50%|#####     | 1/2 [00:01<00:01]{'eval_loss': 0.5, 'eval_accuracy': 0.75, 'epoch': 1.0}",
        "{'loss': 0.5, 'grad_norm': 1.0, 'learning_rate': 5e-05, 'epoch': 0.02}",
    ],
)
def test_what_a_trainer_prints_by_itself_is_found(line: str) -> None:
    """As `transformers` 4 and 5 print their logs."""
    found = read_prints(
        ast.parse(
            "from transformers import Trainer\ndef compute_metrics(p):\n    return {'accuracy': 1}\nTrainer().train()"
        )
    )
    assert found.metrics == ("eval_loss", "eval_accuracy", "loss")
    caught = [match.groupdict() for match in (re.search(pattern, line) for pattern in found.patterns) if match]
    numbers = {name: read_number(text) for groups in caught for name, text in groups.items()}
    assert numbers == ({"loss": 0.5} if "'loss'" in line else {"eval_loss": 0.5, "eval_accuracy": 0.75})


LIBRARIES = {
    "table": (
        "from stable_baselines3 import PPO\nmodel = PPO('MlpPolicy', env, verbose=1)\nmodel.learn(a.steps)",
        (
            "| rollout/           |          |\n|    ep_rew_mean     | 26.3     |\n"
            "|    total_timesteps | 1536     |\n| train/           |          |\n|    loss            | 68.6     |\n---"
        ),
        [{"step": 1536, "ep_rew_mean": 26.3}],
    ),
    "evaluation": (
        "from stable_baselines3 import PPO\nPPO('MlpPolicy', env, verbose=1).learn(9, callback=EvalCallback(env))",
        (
            "| eval/                   |               |\n|    mean_ep_length       | 69.5          |\n"
            "|    mean_reward          | 1.1e+03       |\n|    total_timesteps      | 1500          |\n---"
        ),
        [{"step": 1500, "mean_reward": 1100.0}],
    ),
    "bar": (
        (
            "import keras\nm.compile(o, metrics=['accuracy', keras.metrics.TopKCategoricalAccuracy(), AUC(name='a')])\n"
            "m.fit(x, y, validation_split=0.25)"
        ),
        (
            "Epoch 3/10\n\r\x1b[1m1/8\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━━\x1b[0m \x1b[1m1s\x1b[0m 5ms/step - "
            "accuracy: 0.40 - loss: 0.9\x08\x08\x08\r"
            "\x1b[1m8/8\x1b[0m \x1b[32m━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 19ms/step - "
            "accuracy: 0.3917 - loss: 0.7685 - top_k_categorical_accuracy: 0.8 - val_a: 0.7 - val_accuracy: 0.9123 - "
            "val_loss: 0.7693 - val_top_k_categorical_accuracy: 0.9\n"
        ),
        [
            {"step": 3, "accuracy": 0.4},
            {"step": 3, "loss": 0.9},
            {"step": 3, "val_accuracy": 0.9123},
            {"step": 3, "val_loss": 0.7693},
            {"step": 3, "accuracy": 0.3917},
            {"step": 3, "loss": 0.7685},
            {"step": 3, "top_k_categorical_accuracy": 0.8},
            {"step": 3, "val_a": 0.7},
            {"step": 3, "val_top_k_categorical_accuracy": 0.9},
        ],
    ),
    "epoch": (
        "import pytorch_lightning as pl\nself.log('val_loss', x, prog_bar=True)\nself.log('lr', x)",
        (
            "Epoch 1:  88%|████████▊ | 7/8 [00:00<00:00, 196.43it/s, v_num=1, train_loss=0.192, val_loss=1.550]\r"
            "Epoch 1: 100%|██████████| 8/8 [00:00<00:00, 146.07it/s, v_num=1, train_loss=0.236, val_loss=0.355]\n"
        ),
        [{"step": 1, "val_loss": 0.355}],
    ),
    "rich": (
        "import lightning\nself.log_dict({'val/loss': x}, prog_bar=True)",
        "Epoch 1/1  ━━━━━━━━━ 8/8 0:00:00 • 0:00:00 129.10it/s v_num: 0.000      \n           val/loss: 0.355 \n",
        [{"step": 0, "val_loss": 0.355}],
    ),
    "rounds": (
        "import xgboost as x\np = {'eval_metric': ['rmse', 'ndcg@5']}\nx.train(p, t, evals=[(t, 'train'), (v, 'val')])",
        "[4]\ttrain-rmse:0.70339\ttrain-ndcg@5:0.5\tval-rmse:1.11718\tval-ndcg@5:0.80374\n",
        [
            {"step": 4, "train_rmse": 0.70339},
            {"step": 4, "train_ndcg_5": 0.5},
            {"step": 4, "val_rmse": 1.11718},
            {"step": 4, "val_ndcg_5": 0.80374},
        ],
    ),
    "estimator": (
        "from xgboost import XGBClassifier\nXGBClassifier(eval_metric='logloss').fit(x, y, eval_set=[(a, b)])",
        "[0]\tvalidation_0-logloss:0.53822\n",
        [{"step": 0, "validation_0_logloss": 0.53822}],
    ),
    "leaves": (
        "import lightgbm as lgb\nlgb.train(dict(metric='l2'), t, valid_sets=[v], callbacks=[lgb.log_evaluation(1)])",
        "[6]\tvalid_0's l2: 2.46948\n",
        [{"step": 6, "valid_0_l2": 2.46948}],
    ),
}
"""Kind of line -> a script, what its library prints for it, and the records that this gives."""


@pytest.mark.parametrize("kind", LIBRARIES)
def test_what_a_library_prints_by_itself_is_found_with_its_step(kind: str) -> None:
    """As Stable-Baselines3 2.9, Keras 3.15, Lightning 2.6, XGBoost 3.4 and LightGBM 4.7 print."""
    script, output, expected = LIBRARIES[kind]
    found = read_prints(ast.parse(script))
    lines, patterns = Lines(), Patterns([{"regex": regex, "stream": "both"} for regex in found.patterns])
    read = [*lines.feed(output.encode()), *lines.finish()]
    records = [record for line in read for record in patterns.records(line, "stdout")] + patterns.rest()
    assert sorted(records, key=str) == sorted(expected, key=str)
    assert {name for record in expected for name in record} - {"step"} <= set(found.metrics)


@pytest.mark.parametrize(
    "script",
    [
        "from stable_baselines3 import PPO\nPPO('MlpPolicy', env).learn(9)",
        "from stable_baselines3 import PPO\nPPO('MlpPolicy', env, verbose=0).learn(9)",
        "import keras\nm.compile(opt, loss=f)\nm.fit(x, y, verbose=0)",
        "import lightning as L\nself.log('val_loss', x)",
        "import lightning as L\nself.log('val_loss', x, prog_bar=True)\nL.Trainer(enable_progress_bar=False)",
        "import lightgbm as lgb\nlgb.train(dict(metric='l2'), t, valid_sets=[v])",
        "from sklearn.svm import SVC\nSVC().fit(x, y)",
    ],
)
def test_a_library_that_is_silent_gives_no_pattern(script: str) -> None:
    assert read_prints(ast.parse(script)).patterns == ()


def test_the_objective_is_held_out_and_a_loss() -> None:
    text = "print('train loss', a, 'train acc', b)\nprint('val acc', c)\nprint('val loss', d)\nprint('test loss', e)"
    assert read_prints(ast.parse(text)).metrics == ("val_loss", "val_acc", "test_loss", "train_loss", "train_acc")


def test_one_pattern_a_metric() -> None:
    text = "print('val loss', a)\nprint('epoch', e, 'val loss', a)\nlogging.info('val loss %s', a)"
    (pattern,) = read_prints(ast.parse(text)).patterns
    assert "(?P<step>" in pattern


def test_reports_need_no_pattern() -> None:
    text = (
        "import tuned\ntrial = tuned.current_trial()\nprint('loss', 1)\ntrial.report(step=1, val_loss=2, train_loss=3)"
    )
    found = read_prints(ast.parse(text))
    assert (found.reported, found.patterns, found.metrics) == (True, (), ("val_loss", "train_loss"))


@pytest.mark.parametrize(
    "text",
    [
        "print('hello', name)",
        "print(f'done in {t} s')",
        "print()",
        "f.write(x)",
        "x = 1",
        "wandb.log({'loss': loss})",
        "print({**logs, 'loss': loss})",
        "print({name: loss})",
    ],
)
def test_nothing_is_made_up(text: str) -> None:
    assert read_prints(ast.parse(text)).patterns == ()


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("val_loss", "minimize"), ("val_acc", "maximize"), ("rmse", "minimize"), ("f1", "maximize"), ("mAP", "maximize"),
     ("perplexity", "minimize"), ("reward", "maximize"), ("roc_auc", "maximize"), ("error", "minimize"),
     ("ep_rew_mean", "maximize"), ("rollout/ep_rew_mean", "maximize"),
     ("mean_reward", "maximize"), ("eval/success_rate", "maximize"),
     ("val_sparse_categorical_accuracy", "maximize"), ("val_binary_crossentropy", "minimize"),
     ("val_kl_divergence", "minimize"), ("val_mean_io_u", "maximize"), ("val_ndcg_5", "maximize")],
)  # fmt: skip
def test_directions(metric: str, direction: Any) -> None:
    assert direction_of(metric) == direction
