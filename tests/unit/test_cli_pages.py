"""The pages of the manual that `tunectl help PAGE` prints."""

from __future__ import annotations

from pathlib import Path

from tuned.cli.pages import INSTALLED, folder_of, topics


def test_the_docs_of_another_installed_package_are_not_ours(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "site-packages"
    (packages / "docs").mkdir(parents=True)
    (tmp_path / INSTALLED).mkdir(parents=True)
    assert folder_of(tmp_path, packages) == tmp_path / INSTALLED


def test_a_checkout_has_its_own(tmp_path: Path) -> None:
    assert folder_of(tmp_path / ".venv", tmp_path) == tmp_path / "docs"
    assert {"first-week", "study-file", "words"} <= set(topics())
