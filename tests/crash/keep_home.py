"""`python -m tests.crash.keep_home FILE.tar.gz`: a state folder of this version, kept for the tests of later ones.

Run it from a checkout of the version to be released, as

    ln -s "$PWD/.venv" /tmp/tuned-kept-venv
    env -i VIRTUAL_ENV=/tmp/tuned-kept-venv PATH=/usr/bin:/bin HOME=/tmp \\
        /tmp/tuned-kept-venv/bin/python -m tests.crash.keep_home tests/crash/homes/schema-N.tar.gz

so that the archive holds nothing of the machine that made it. The daemon of the folder was killed while trials
ran. Paths in it begin with `PLACE` and `VENV`, which the test that opens it replaces.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path

from tests.crash.lab import Lab
from tests.e2e.conftest import wait_until

PLACE = Path("/tmp/tuned-kept-home")
VENV = Path("/tmp/tuned-kept-venv")
LEFT_OUT = ("logs", "launchers", "backups", "tuned.sock", "test-daemon.log")


def _wanted(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    info.uname = info.gname = ""
    return None if Path(info.name).name in LEFT_OUT else info


def main(target: Path) -> None:
    """Write the archive."""
    lab = Lab(PLACE, slots=2)
    try:
        lab.start()
        done = lab.submit("done", search={"method": "sobol", "trials": 3})
        lab.wait_at_rest(done)
        (lab.base / "fails.py").write_text("import sys, tuned; tuned.current_trial(); sys.exit('in vain')\n")
        run = {"script": "fails.py", "args": ["{params}"], "preload": [], "retries": {"error": 1}}
        lab.submit("failing", run=run, search={"trials": 1})
        wait_until(lambda: lab.daemon.trials("failing")[0]["state"] == "failed", "it has failed")
        lab.submit("live", hold=True, search={"method": "sobol", "trials": 3, "parallel": 2})
        wait_until(lambda: [t["last_step"] for t in lab.daemon.trials("live")][:2] == [1, 1], "two have reported")
        lab.kill("daemon")
        with tarfile.open(target, "w:gz") as archive:
            for folder in (lab.home, lab.base):
                archive.add(folder, folder.name, filter=_wanted)
    finally:
        lab.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
