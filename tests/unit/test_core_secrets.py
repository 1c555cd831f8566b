"""Which names are taken for secrets, and that they are masked wherever a specification is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.changes import settings
from tuned.core.program.command_line import command_line
from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.core.study.notices import Notify
from tuned.core.study.secrets import MASK, is_secret, masked, without_passwords

ADDRESS = "postgres://me:hush@db/x"
SHOWN = f"postgres://me:{MASK}@db/x"


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "db_password", "TOKEN", "AUTH"])
def test_a_secret_by_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["KEYBOARD", "TOKENIZERS_PARALLELISM", "OMP_NUM_THREADS", "MONKEY", "AUTHOR"])
def test_no_secret(name: str) -> None:
    assert not is_secret(name)


def test_secrets_are_masked_in_what_is_shown() -> None:
    assert masked({"HF_TOKEN": "hf_1", "A": "b"}) == {"HF_TOKEN": MASK, "A": "b"}
    run = RunSpec(kind="command", command=("true",), env={"HF_TOKEN": "hf_1"})
    spec = StudySpec("s", run, SearchSpec(trials=1))
    assert spec.to_public_dict()["run"]["env"] == {"HF_TOKEN": MASK}
    assert spec.to_dict()["run"]["env"] == {"HF_TOKEN": "hf_1"}
    other = replace(spec, run=replace(run, env={"HF_TOKEN": "hf_2"}))
    (difference,) = spec.differences(other)
    assert "hf_" not in difference


@pytest.mark.parametrize("name", ["PGPASSWORD", "DBPASSWORD", "GITHUB_PAT", "MY_PASS", "SENTRY_DSN", "SESSION_COOKIE"])
def test_further_names_of_secrets(name):
    assert is_secret(name)


def test_a_password_in_an_address_is_masked():
    shown = masked({"DATABASE_URL": "postgres://me:hush@db:5432/x", "PROXY": "http://proxy:3128", "RANGE": "a://b"})
    assert shown == {"DATABASE_URL": f"postgres://me:{MASK}@db:5432/x", "PROXY": "http://proxy:3128", "RANGE": "a://b"}


def test_a_password_is_masked_to_its_end_and_a_placeholder_is_kept():
    assert without_passwords("a://u:p@ss@h/b, c://v:hu:sh@h") == f"a://u:{MASK}@h/b, c://v:{MASK}@h"
    for text in ("a://{user}:{word}@h", "http://h:80/?to=me@b", "http://h:80?to=me@b", "me:you@h"):
        assert without_passwords(text) == text


def test_a_command_to_copy_shows_no_password():
    run = RunSpec(kind="command", command=("train", "--db", ADDRESS))
    environment = {"DB_URL": ADDRESS, "HF_TOKEN": "hush", "PLAIN": "x"}
    line = command_line(run, ["train", "--db", ADDRESS], environment, {}, cwd="/p")
    assert line == f"cd /p && PLAIN=x train --db '{SHOWN}'"


def test_a_specification_shows_no_password_in_any_of_its_texts():
    run = RunSpec(kind="command", command=("train", "--db", ADDRESS), env={"DB_URL": ADDRESS})
    spec = StudySpec("s", run, SearchSpec(trials=1), question=f"train {ADDRESS}", notify=Notify(("tell", ADDRESS)))
    assert "hush" not in str(spec.to_public_dict())
    assert StudySpec.from_dict(spec.to_dict()) == spec
    other = replace(spec, run=replace(run, env={"DB_URL": "postgres://me:hush2@db/y"}), notify=Notify(("tell",)))
    assert "hush" not in str(spec.differences(other))
    only = replace(spec, run=replace(run, env={"DB_URL": "postgres://me:hush2@db/x"}))
    assert spec.differences(only) == ["run.env.DB_URL: another value"]
    _, _, changed, _ = settings.apply(spec, 0, {"notify.command": ["tell", "me"]})
    assert "hush" not in str(changed)
