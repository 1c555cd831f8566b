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
     ("perplexity", "minimize"), ("reward", "maximize"), ("roc_auc", "maximize"), ("error", "minimize")],
)  # fmt: skip
def test_directions(metric: str, direction: Any) -> None:
    assert direction_of(metric) == direction
