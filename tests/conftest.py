"""What holds for every test; owns no fixture."""

from __future__ import annotations

import signal

# A suite that runs in the background of a shell inherits an ignored SIGINT and would hand it on to every process
# whose interruption is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
