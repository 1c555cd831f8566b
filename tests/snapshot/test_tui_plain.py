from __future__ import annotations

from typing import Any

from tui.plain import snapshot


async def test_one_picture_in_text(fake: Any) -> None:
    text = "\n".join(await snapshot(fake, ascii=False, study=None, width=100))
    assert "digits" in text and "other[bold]" in text
    assert "#21" in text and "● RUN" in text and "Best so far" in text
    assert all(len(line) <= 100 for line in text.splitlines())


async def test_ascii_and_another_study(fake: Any) -> None:
    text = "\n".join(await snapshot(fake, ascii=True, study="other[bold]", width=80))
    assert text.isascii() and "= PAUSED" in text


async def test_an_empty_daemon(fake: Any) -> None:
    fake.trials_of = {}
    assert "tunectl submit train.toml" in "\n".join(await snapshot(fake, ascii=False, study=None, width=80))
