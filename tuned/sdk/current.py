"""Which trial this process belongs to, found in its environment.

Owns the one `Trial` of a process.
"""

from __future__ import annotations

import os
from typing import Any, Mapping, Optional

from tuned.protocol import ENV_ATTEMPT, ENV_METRICS
from tuned.sdk.trial import Trial

_current: Optional[Trial] = None


def current_trial(defaults: Optional[Mapping[str, Any]] = None) -> Trial:
    """The trial that this process runs; the same object each time.

    Args:
        defaults: Values for parameters that the study does not set, and for all of them when the script runs alone,
            outside of a daemon: then `report` prints, and nothing asks to stop.

    Returns:
        The trial.
    """
    global _current
    if _current is None:
        _current = _of_this_process()
    if defaults:
        for name, value in defaults.items():
            _current.params.setdefault(name, value)
    return _current


def _of_this_process() -> Trial:
    # Each kind is imported where it is needed: a trial starts in milliseconds, and every file counts.
    if ENV_ATTEMPT in os.environ and ENV_METRICS in os.environ:
        from tuned.sdk.daemon_trial import DaemonTrial

        return DaemonTrial(os.environ)
    from tuned.sdk.local_trial import LocalTrial

    return LocalTrial()
