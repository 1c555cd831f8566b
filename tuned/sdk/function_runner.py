"""Runs a function of the user's file as a trial: `python function_runner.py train.py`.

Owns the call and what becomes of its result. Executed as `__main__`, in a fresh or in a forked interpreter; which
function it is stands in `spec.json`.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType, TracebackType
from typing import Any, Callable, Mapping, Optional

_OURS = os.path.dirname(os.path.realpath(__file__))


def _import_file(path: str) -> ModuleType:
    """Import the file under its own name, from its own folder, so that pickle and spawned processes find it again."""
    folder, file_name = os.path.split(os.path.realpath(path))
    if sys.path and os.path.realpath(sys.path[0]) in (_OURS, folder):
        sys.path[0] = folder
    else:
        sys.path.insert(0, folder)
    # The built-in leaves the import system's own frames out of tracebacks, unlike importlib.import_module.
    return __import__(os.path.splitext(file_name)[0])


def _report(trial: Any, result: Any, objective: Optional[str]) -> None:
    """A number is the objective, a mapping is metrics of the last step; None means that the function has reported."""
    if result is None:
        return
    if isinstance(result, Mapping):
        trial.report(step=trial.last_step, metrics=result)
    elif objective is not None:
        trial.report(metrics={objective: result})
    else:
        sys.exit("tuned: the function returned %r, but the study has no objective to call it" % (result,))


def _show_without_our_frames(kind: type[BaseException], error: BaseException, trace: Optional[TracebackType]) -> None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main() -> None:
    """Call the function named in the run directory's `spec.json` with the current trial."""
    import tuned
    from tuned import protocol

    sys.excepthook = _show_without_our_frames
    run_dir = os.environ[protocol.ENV_RUN_DIR]
    spec = protocol.read_record(run_dir, protocol.SPEC_FILE)
    if spec is None:
        sys.exit("tuned: there is no %s in %s" % (protocol.SPEC_FILE, run_dir))
    sys.argv = list(spec["argv"])
    name = spec["function"].rpartition(":")[2]
    module = _import_file(spec["script"])
    function: Optional[Callable[[Any], Any]] = getattr(module, name, None)
    if function is None:
        sys.exit("tuned: %s has no function %s" % (spec["script"], name))
    trial = tuned.current_trial()
    _report(trial, function(trial), spec["objective_metric"])


if __name__ == "__main__":
    main()
