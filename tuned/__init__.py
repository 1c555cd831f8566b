"""The names that a training script imports: `import tuned`.

Owns the public names. Inside a trial they come from a folder that holds this package's SDK alone, so importing it costs
milliseconds and needs the standard library; the client is imported when it is asked for, where it is installed.

    trial = tuned.current_trial(defaults={"lr": 1e-3})
    trial.report(step=0, val_loss=0.4)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tuned.sdk import InfeasiblePoint, Trial, current_trial

if TYPE_CHECKING:
    from tuned.client import connect
    from tuned.sdk.definition import Study

__version__ = "0.1.0"

__all__ = ["InfeasiblePoint", "Study", "Trial", "__version__", "connect", "current_trial"]

_LAZY = ("Study", "connect")


def __getattr__(name: str) -> Any:
    if name == "Study":
        from tuned.sdk.definition import Study

        return Study
    if name != "connect":
        raise AttributeError(f"module 'tuned' has no attribute {name!r}")
    try:
        from tuned import client
    except ImportError as error:
        raise ImportError(
            "tuned.connect needs tuned's client, and this interpreter finds the SDK of trials alone: "
            "outside of trials add it to this environment with: tunectl sdk"
        ) from error
    return client.connect


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))
