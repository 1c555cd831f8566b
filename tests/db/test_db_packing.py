"""What was measured of trials that share cards, over the daemon's end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from storage.facts import PACKING, keep_fact
from tuned.daemon.cards.packing import Packing

if TYPE_CHECKING:
    from conftest import Lab


async def test_what_was_measured_of_a_deleted_study_is_forgotten(lab: Lab) -> None:
    """It was written down again with each measurement, for ever."""
    study, alone = lab.study(), {"memory": 1.0, "busy": 2.0, "speed": 3.0, "seconds": None}
    gone = study + 7
    kept = {
        "gains": {f"{study}": {"2": 1.5}, f"{study}+{gone}": {"2": 1.7}},
        "alone": {f"{study}": alone, f"{gone}": alone},
    }
    lab.do(keep_fact, PACKING, kept)
    packing = Packing(lab.database, cast("Any", None), cast("Any", None), cast("Any", None))
    await packing.begin()
    assert packing._gains == {(study,): {2: 1.5}} and list(packing._taken) == [study]
