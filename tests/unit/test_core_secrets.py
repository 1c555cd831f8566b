"""Which names are taken for secrets, and that they are masked wherever a specification is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tuned.core.study import RunSpec, SearchSpec, StudySpec
from tuned.core.study.secrets import MASK, is_secret, masked


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
