from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tuned import protocol
from tuned.core.states import StudyState
from tuned.core.study import RunSpec, SearchSpec, Study, StudySpec
from tuned.daemon.launch.preloads import WORTH_S, Preloads


def study(study_id: int = 1, **run: object) -> Study:
    how = replace(RunSpec("script", script="/x/train.py", python="/usr/bin/python3"), **run)  # type: ignore[arg-type]
    spec = StudySpec("s", how, SearchSpec())
    return Study(study_id, "s", StudyState.RUNNING, "", 0, spec, {}, None, 0.0, None, 0.0, None)


def lesson(folder: Path, **seconds: float) -> Path:
    folder.mkdir(exist_ok=True)
    protocol.write_record(str(folder), protocol.MODULES_FILE, {"seconds": seconds}, durable=False)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "preloads.json"


def test_nothing_is_known_at_first(cache):
    preloads = Preloads(cache)
    assert preloads.learned(study()) is None
    assert preloads.for_study(study()) == ()


def test_slow_and_safe_modules_are_learned_and_kept(cache, tmp_path):
    run_dir = lesson(tmp_path / "run", torch=1.5, numpy=WORTH_S, scipy=WORTH_S / 2, tensorflow=9.0)
    assert Preloads(cache).learn(study(), run_dir)
    again = Preloads(cache)
    assert again.for_study(study()) == ("torch", "numpy")
    assert again.learned(study(script="/x/other.py")) is None
    assert again.learned(study(python="/usr/bin/python3.12")) is None


def test_a_lesson_of_nothing_is_a_lesson(cache, tmp_path):
    preloads = Preloads(cache)
    assert preloads.learn(study(), lesson(tmp_path / "run", json=0.001))
    assert preloads.learned(study()) == ()


def test_it_learns_once(cache, tmp_path):
    preloads = Preloads(cache)
    assert preloads.learn(study(), lesson(tmp_path / "one", torch=1.0))
    assert not preloads.learn(study(), lesson(tmp_path / "two", numpy=1.0))
    assert preloads.for_study(study()) == ("torch",)


def test_without_a_readable_record_nothing_is_learned(cache, tmp_path):
    preloads = Preloads(cache)
    assert not preloads.learn(study(), tmp_path)
    (tmp_path / protocol.MODULES_FILE).write_text("{torn")
    assert not preloads.learn(study(), tmp_path)
    assert preloads.learned(study()) is None


def test_a_list_of_the_studys_own_wins(cache, tmp_path):
    preloads = Preloads(cache)
    own = study(preload=("sklearn",))
    assert not preloads.learn(own, lesson(tmp_path / "run", torch=1.0))
    assert preloads.for_study(own) == ("sklearn",)
    assert preloads.for_study(study(preload=())) == ()


@pytest.mark.parametrize("run", [{"kind": "command"}, {"start": "cold"}])
def test_what_is_not_forked_preloads_nothing(cache, tmp_path, run):
    preloads = Preloads(cache)
    preloads.learn(study(), lesson(tmp_path / "run", torch=1.0))
    assert preloads.for_study(study(**run)) == ()


@pytest.mark.parametrize(
    "text",
    ["", "{torn", "[]", "3", '{"/usr/bin/python3\\n/x/train.py": 5}', '{"/usr/bin/python3\\n/x/train.py": null}'],
)
def test_a_damaged_cache_is_a_lost_cache(cache, tmp_path, text):
    cache.write_text(text)
    preloads = Preloads(cache)
    assert preloads.for_study(study()) == ()
    assert preloads.learn(study(), lesson(tmp_path / "run", torch=1.0))
    assert Preloads(cache).for_study(study()) == ("torch",)


def test_a_cache_that_lists_what_is_unsafe_is_not_believed(cache):
    cache.write_text('{"/usr/bin/python3\\n/x/train.py": ["tensorflow", "torch"]}')
    assert Preloads(cache).for_study(study()) == ("torch",)


def test_a_cache_that_cannot_be_written_costs_no_trial(tmp_path):
    preloads = Preloads(tmp_path / "missing" / "preloads.json")
    assert preloads.learn(study(), lesson(tmp_path / "run", torch=1.0))
    assert preloads.for_study(study()) == ("torch",)


def test_a_study_that_cannot_be_forked_runs_cold(cache):
    preloads = Preloads(cache)
    preloads.run_cold(study(4).id, "a GPU was open")
    assert preloads.runs_cold(study(4))
    assert not preloads.runs_cold(study(5))


def test_a_guess_holds_until_a_trial_has_taught_more(cache, tmp_path):
    (tmp_path / "train.py").write_text("import torch\nfrom torch import optim")
    new = study(script=str(tmp_path / "train.py"))
    preloads = Preloads(cache)
    preloads.guess(new)
    assert preloads.for_study(new) == ("torch", "torch._dynamo", "numpy") and preloads.guesses(new)
    for run in ({"start": "cold"}, {"preload": ()}):
        own = study(script=str(tmp_path / "train.py"), **run)
        assert preloads.for_study(own) == () and not preloads.guesses(own)
    # What came along costs no launcher of its own.
    assert preloads.learn(new, lesson(tmp_path / "run", torch=1.0))
    assert preloads.for_study(new) == ("torch", "torch._dynamo", "numpy") and not preloads.guesses(new)


def test_more_than_was_guessed_is_learned_and_a_bad_guess_dropped(cache, tmp_path):
    (tmp_path / "train.py").write_text("import numpy")
    new = study(script=str(tmp_path / "train.py"))
    preloads = Preloads(cache)
    preloads.guess(new)
    preloads.drop_guess(new)
    preloads.guess(new)
    assert preloads.for_study(new) == () and not preloads.guesses(new)
    assert preloads.learn(new, lesson(tmp_path / "run", numpy=0.1, pandas=1.0))
    assert preloads.for_study(new) == ("numpy", "pandas")


def test_what_brought_a_framework_along_that_cannot_be_forked_is_not_learned(cache, tmp_path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    record = {"seconds": {"torch": 1.0, "transformers": 5.0, "lightning": 6.0}, "unsafe": ["tensorflow"]}
    protocol.write_record(str(run_dir), protocol.MODULES_FILE, record, durable=False)
    preloads = Preloads(cache)
    assert preloads.learn(study(), run_dir)
    assert preloads.for_study(study()) == ("torch",)
