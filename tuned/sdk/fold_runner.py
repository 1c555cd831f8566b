"""Runs an unmodified script once a fold: `python fold_runner.py`, with the commands in the run directory's `spec.json`.

Owns the processes of the folds, one after the other, and what becomes of their metrics: those of a fold are told apart,
their mean is the trial's. A fold that fails is the trial's failure; when it is time to stop, no further one begins.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
from typing import Any, Callable, Dict, List, Mapping

Take = Callable[[Dict[str, Any]], None]
_CHUNK = 65536


def main() -> None:
    """Run all folds of this trial."""
    import tuned
    from tuned import protocol
    from tuned.sdk.folds import folds

    run_dir = os.environ[protocol.ENV_RUN_DIR]
    spec = protocol.read_record(run_dir, protocol.SPEC_FILE)
    if spec is None:
        sys.exit("tuned: there is no %s in %s" % (protocol.SPEC_FILE, run_dir))
    trial, plan = tuned.current_trial(), spec["folds"]
    for fold in folds(trial, len(plan["runs"])):
        run = plan["runs"][fold.number - 1]
        own = os.path.join(run_dir, "fold-%d.jsonl" % fold.number)
        os.environ.update(run["env"])
        os.environ[protocol.ENV_FOLD] = str(fold.number)
        os.environ[protocol.ENV_METRICS] = own
        files = [*run["metric_files"], {"kind": "jsonl", "path": own}]
        code = _run(run["argv"], plan["patterns"], files, spec["rename"], _reporter(fold))
        if code != 0:
            sys.exit(code if code > 0 else 128 - code)


def _reporter(fold: Any) -> Take:
    """The use of one record of a fold."""
    from tuned import protocol

    marks = (protocol.SDK_MARK, protocol.STOP_SEEN_MARK, protocol.CHECKPOINT_MARK)

    def take(record: Dict[str, Any]) -> None:
        step = record.pop(protocol.STEP_KEY, None)
        values = {name: v for name, v in record.items() if name not in marks and not name.startswith("_")}
        if values:
            fold.report(step, {name: protocol.decode_number(v) for name, v in values.items()})

    return take


def _run(
    command: List[str],
    pattern_specs: List[Dict[str, str]],
    files: List[Dict[str, str]],
    rename: Mapping[str, str],
    take: Take,
) -> int:
    """Run one fold to its end, its output passed on; the process's exit code."""
    from tuned.launch.metric_files import MetricFiles
    from tuned.launch.patterns import Lines, Patterns

    patterns, written = Patterns(pattern_specs), MetricFiles(files, rename)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, ("stdout", 1, Lines()))
        selector.register(process.stderr, selectors.EVENT_READ, ("stderr", 2, Lines()))
        while selector.get_map():
            for key, _ in selector.select():
                stream, out, lines = key.data
                data = os.read(key.fd, _CHUNK)
                if data:
                    os.write(out, data)
                else:
                    selector.unregister(key.fileobj)
                for line in lines.feed(data) if data else lines.finish():
                    for record in patterns.records(line, stream):
                        take({rename.get(name, name): value for name, value in record.items()})
    for record in patterns.rest():
        take({rename.get(name, name): value for name, value in record.items()})
    code = process.wait()
    for record in written.records(final=True):
        take(dict(record))
    return code


if __name__ == "__main__":
    main()
