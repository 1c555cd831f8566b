"""Programs and forks of its own."""

import os
import subprocess
import sys

print(subprocess.run(["sh", "-c", "echo from sh; pwd; exit 4"], check=False).returncode)
found = subprocess.run(
    [sys.executable, "-c", "import tuned; print(tuned.current_trial().params, tuned.__file__)"],
    check=False,
    capture_output=True,
    text=True,
)
print(found.stdout, found.stderr, os.environ["PWD"] == os.getcwd())
pid = os.fork()
if pid == 0:
    print("in the fork")
    sys.exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
