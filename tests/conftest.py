"""What holds for every test; owns no fixture.

Examples that Hypothesis makes are the same in every run. `--hypothesis-profile=chance` tries others, for a night.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# One thread for each process: tests run side by side, and libraries that each take all cores only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A suite that runs in the background of a shell inherits an ignored SIGINT and would hand it on to every process
# whose interruption is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("chance", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")
