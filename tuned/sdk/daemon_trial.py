"""The trial of a script that a daemon runs: it appends to the metrics file and looks for the stop file.

Trouble with files never reaches the script: a training run is worth more than a line of its log.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional

from tuned import faults, protocol
from tuned.metrics_appender import MetricsAppender, own_slot
from tuned.sdk import distributed
from tuned.sdk.trial import Trial, made

if TYPE_CHECKING:
    from pathlib import Path


_RETRY_S = 0.5
"""Seconds until metrics that the disk did not take are tried once more."""


class DaemonTrial(Trial):
    """A script that a daemon runs.

    Args:
        env: The environment, with the `TUNED_*` variables of `protocol.trial_environment`.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__()
        self.params = dict(json.loads(env[protocol.ENV_PARAMS]))
        self.number = int(env[protocol.ENV_NUMBER])
        self.seed = int(env[protocol.ENV_SEED])
        self.attempt = int(env[protocol.ENV_ATTEMPT_NUMBER])
        self.stage = env[protocol.ENV_STAGE]
        self.resumed = env[protocol.ENV_RESUMED] != ""
        self._slot = env[protocol.ENV_DEVICE]
        self._checkpoint_dir = env[protocol.ENV_CHECKPOINT_DIR]
        self._work_dir = env[protocol.ENV_WORK]
        self._run_dir = env[protocol.ENV_RUN_DIR]
        self._stop_file = env[protocol.ENV_STOP]
        self._file = MetricsAppender(env[protocol.ENV_METRICS], own_slot())
        self._retrying: Optional[threading.Thread] = None
        self._lock = threading.Lock()
        self._stopping = False
        self._asked_for_checkpoints = False
        os.register_at_fork(after_in_child=self._after_fork)
        atexit.register(self._flush)
        if distributed.is_first():
            self._append({protocol.SDK_MARK: 1})

    @property
    def device(self) -> str:
        """`cuda` or `cpu`, as torch takes it."""
        return "cpu" if self._slot.startswith("cpu") else "cuda"

    @property
    def checkpoint_dir(self) -> Path:
        """A folder, made when first asked for, that all attempts of this trial share. Asking says: I can resume."""
        if not self._asked_for_checkpoints and distributed.is_first():
            self._asked_for_checkpoints = True
            self._append({protocol.CHECKPOINT_MARK: 1})
        return made(self._checkpoint_dir)

    @property
    def work_dir(self) -> Path:
        """A folder for whatever this attempt writes."""
        return made(self._work_dir)

    @property
    def _predictions_dir(self) -> Optional[str]:
        return os.path.join(self._run_dir, protocol.PREDICTIONS_DIR)

    def _save_gradients(self) -> None:
        for watch in self._watches[:1]:
            found = watch.record()
            if found is not None:
                try:
                    protocol.write_record(self._run_dir, protocol.GRADIENTS_FILE, found, durable=False)
                except OSError as error:
                    sys.stderr.write("tuned: cannot write %s: %s\n" % (protocol.GRADIENTS_FILE, error.strerror))

    def _report(self, step: Optional[int], values: Dict[str, Any]) -> None:
        values[protocol.TIME_KEY] = faults.wall("trial")
        if step is not None:
            values[protocol.STEP_KEY] = step
        self._append(values)

    def _stop_wanted(self) -> bool:
        if not self._stopping:
            try:
                os.stat(self._stop_file)
            except OSError:
                return False
            self._stopping = True
            self._append({protocol.STOP_SEEN_MARK: True})
        return True

    def _append(self, record: Mapping[str, Any]) -> None:
        line = protocol.encode_line(record)
        with self._lock:
            if not self._file.append(line) and self._retrying is None:
                # The script may report nothing more, and end without exit handlers.
                thread = threading.Thread(target=self._retry, name="tuned-metrics", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # the machine has no thread to give: the next report writes it, or the end
                self._retrying = thread

    def _retry(self) -> None:
        while True:
            time.sleep(_RETRY_S)
            with self._lock:
                if self._file.flush():
                    self._retrying = None
                    return

    def _flush(self) -> None:
        with self._lock:
            self._file.flush()

    def _after_fork(self) -> None:
        """A data loader's worker inherits this object; the lock may be held there by a thread that does not exist."""
        self._lock = threading.Lock()
        self._file.forget_unsent()
        self._retrying = None
        self._watches = []
