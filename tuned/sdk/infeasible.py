"""How a training script says that a point cannot be run. Owns that exception."""

from __future__ import annotations


class InfeasiblePoint(Exception):
    """Raise it for a combination of parameters that makes no sense: the search learns to keep away from its like.

    Left uncaught it ends the trial as failed, with the failure `infeasible` and the message as the reason.
    """
