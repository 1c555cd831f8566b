"""`python -I -m tuned.advisor`: started by the daemon, which talks to it over standard input and output."""

from __future__ import annotations

import os
import signal

# Thread pools read these once, when numpy and torch are first imported.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
# The search needs no GPU, and a context on it would take memory from the trials.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

if __name__ == "__main__":
    # Ctrl-C in the terminal is for the daemon; this process ends with its standard input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from tuned.advisor.serve import main

    main()
