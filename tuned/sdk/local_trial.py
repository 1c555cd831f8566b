"""The trial of a script that runs alone. Owns what such a script prints."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, Optional

from tuned import protocol
from tuned.sdk.trial import Trial


class LocalTrial(Trial):
    """A script that runs alone: metrics are printed, and nothing asks to stop.

    Parameters are those of `TUNED_PARAMS`, as a trial's own command line sets them; without it there are none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.params = dict(json.loads(os.environ.get(protocol.ENV_PARAMS) or "{}"))

    def _report(self, step: Optional[int], values: Dict[str, Any]) -> None:
        shown = ["%s %.6g" % (name, protocol.decode_number(value)) for name, value in values.items()]
        if step is not None:
            shown.insert(0, "step %d" % step)
        sys.stdout.write("  ".join(shown) + "\n")

    def _stop_wanted(self) -> bool:
        return False
