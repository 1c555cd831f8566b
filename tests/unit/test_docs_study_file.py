"""What docs/study-file.md and the README say of the study file is what the reader of study files takes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest

from tuned.core.study_file.models import StudyTable, Table
from tuned.core.study_file.parse import parse_study
from tuned.core.study_file.reading import RESERVED

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "study-file.md"


class Everything:
    """A disk on which every file is there and none can be read, so that only the file's own words are judged."""

    def is_file(self, path: str) -> bool:
        return True

    def is_dir(self, path: str) -> bool:
        return not path.endswith(("python", ".py"))

    def is_executable(self, path: str) -> bool:
        return True

    def read_text(self, path: str) -> str:
        if path.endswith("base.yaml"):
            return "name: x\noptim: {lr: 0.1}\n"
        return "import tuned  # which stage it is: TUNED_STAGE, TUNED_FOLD"


def studies(page: Path) -> list[str]:
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    return [block for block in blocks if "[run]" in block]


def tables_in(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    elif get_origin(annotation) in (list, UnionType):
        for argument in get_args(annotation):
            yield from tables_in(argument)


def keys(model: type[Table], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = list(tables_in(field.annotation))
        if not inner:
            yield prefix + (field.alias or name)
        for table in inner:
            yield from keys(table, f"{prefix}{name}.")


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"], ids=lambda page: page.name)
def test_examples_are_accepted(page: Path) -> None:
    blocks = studies(page)
    assert blocks
    for block in blocks:
        spec = parse_study(
            tomllib.loads(block), base="/home/u/project", environment={"PATH": "/usr/bin"}, files=Everything(), stem="s"
        )
        assert spec.space.tunable


def test_every_key_is_explained() -> None:
    text = PAGE.read_text()
    example = tomllib.loads(studies(PAGE)[0])
    for key in keys(StudyTable):
        parts = key.split(".")
        spellings = [f"`{'.'.join(parts[i:])}`" for i in range(len(parts))] + [f"[[{key}]]"]
        assert key in example or any(spelling in text for spelling in spellings), key


def test_no_coming_key_is_promised() -> None:
    text = PAGE.read_text()
    for path in RESERVED:
        last = path.split(".")[-1]
        assert f"`{last}`" not in text and f"[{path}]" not in text and f"\n{last} = " not in text, path
