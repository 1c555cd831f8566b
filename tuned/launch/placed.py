"""Entry of a supervisor that an engine starts on another machine: `python -I <bundle>/tuned/launch/placed.py RUN_DIR`.

Owns what a launcher does elsewhere: it reads `spec.json`, and has the process know its interpreter. The process itself
becomes the supervisor, so that the engine's signals reach it; the engine keeps what is printed here.
"""

from __future__ import annotations

import os
import sys

NO_SPEC = 72
"""Exit code: there is no `spec.json` that could be read."""


def main() -> None:
    """Be the supervisor of the attempt whose run directory is named; does not return."""
    run_dir = sys.argv[1]
    from tuned.launch import child, supervisor
    from tuned.launch.signals import blocked
    from tuned.protocol import SPEC_FILE, RecordError, read_record

    try:
        spec = read_record(run_dir, SPEC_FILE)
    except (OSError, RecordError) as error:
        sys.exit("tuned: %s" % error)
    if spec is None:
        sys.stderr.write("tuned: there is no %s in %s: is this folder shared with this node?\n" % (SPEC_FILE, run_dir))
        sys.exit(NO_SPEC)
    _know_interpreter(spec["python"])
    with blocked():
        supervisor.supervise(spec, run_dir, child.Origin(frozenset(), {}, ()))


def _know_interpreter(python: str) -> None:
    """Find the programs of its environment first, as after its activation."""
    folder = os.path.dirname(python)
    if not folder:
        return
    os.environ["PATH"] = os.pathsep.join((folder, os.environ.get("PATH", os.defpath)))
    if os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
        os.environ["VIRTUAL_ENV"] = os.path.dirname(folder)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    main()
