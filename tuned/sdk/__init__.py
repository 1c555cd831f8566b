"""The SDK: what a training script uses of the trial that it runs in.

Standard library alone, Python 3.9 and newer. It talks to files of the run directory, never to the daemon.
"""

from __future__ import annotations

from tuned.sdk.current import current_trial
from tuned.sdk.infeasible import InfeasiblePoint
from tuned.sdk.trial import Trial

__all__ = ["InfeasiblePoint", "Trial", "current_trial"]
