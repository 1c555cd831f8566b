"""The pages of the manual that `tunectl help PAGE` prints."""

from __future__ import annotations

import re
from pathlib import Path

from tuned.cli.pages import INSTALLED, folder_of, for_terminal, topics


def test_the_docs_of_another_installed_package_are_not_ours(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "site-packages"
    (packages / "docs").mkdir(parents=True)
    (tmp_path / INSTALLED).mkdir(parents=True)
    assert folder_of(tmp_path, packages) == tmp_path / INSTALLED


def test_a_checkout_has_its_own(tmp_path: Path) -> None:
    assert folder_of(tmp_path / ".venv", tmp_path) == tmp_path / "docs"
    assert {"first-week", "study-file", "words"} <= set(topics())


def test_a_page_leads_to_what_can_be_typed_and_to_no_file_of_the_source() -> None:
    page = (
        "![a picture](images/ui.svg)See [steering](steering.md#set), [above](#top), [this](gpu.md#more), "
        "[the study](../examples/depth/README.md) and [Ax](https://ax.dev/)."
    )
    assert for_terminal(page, "gpu", {"gpu", "steering"}) == (
        "See steering (tunectl help steering), above, this, the study and Ax (https://ax.dev/)."
    )
    for topic, file in topics().items():
        shown = for_terminal(file.read_text(), topic, topics())
        assert not re.search(r"\]\([^)]*\.(?:md|py|toml|svg)", shown), topic
