"""Places to go back to."""

from __future__ import annotations

from tui.trail import Place, Trail

A, B, C, D = (Place("s", number) for number in (1, 2, 3, 4))


def test_back_and_forth_between_places() -> None:
    trail = Trail()
    assert trail.step(A, -1) is None and trail.step(A, 1) is None
    trail.leave(A)
    trail.leave(B)
    assert trail.step(C, 1) is None
    assert [trail.step(C, -1), trail.step(B, -1), trail.step(A, -1)] == [B, A, None]
    assert [trail.step(A, 1), trail.step(B, 1), trail.step(C, 1)] == [B, C, None]
    assert trail.step(C, -1) == B
    trail.leave(B)
    assert trail.step(D, 1) is None
    assert [trail.step(D, -1), trail.step(B, -1)] == [B, A]
