"""An attempt that could not go on from its trial's checkpoint, and the copy that the next one goes on from.

Owns the exchange of checkpoint and copy. The supervisor made the copy when the trial was told to stop; each is fallen
back to once, and the end of its trial removes it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tuned import protocol
from tuned.core.states import TERMINAL, TrialState
from tuned.core.trials.endings import Resumption
from tuned.daemon.attempts.live_attempt import LiveAttempt
from tuned.daemon.files import run_dirs
from tuned.daemon.files.removal import remove_path

log = logging.getLogger(__name__)

_REFUSED = ".refused"
"""Behind `checkpoint`: the trial could not go on from it. It is there until the end of that attempt is committed."""


def failed(attempt: LiveAttempt, record: Mapping[str, Any] | None) -> Resumption | None:
    """The checkpoint that an attempt failed to go on from, with the copy of it in its place if there is one.

    Args:
        attempt: It has ended without a result, and has reported nothing.
        record: Its exit record; None when its supervisor left none.

    Returns:
        None of an attempt that began anew, or whose end was asked for.
    """
    if attempt.attempt == 1 or record is None or record.get("stop_signalled"):
        return None
    try:
        if not run_dirs.spec(attempt.run_dir).get("resumed"):
            return None
        return Resumption(copy=fall_back(attempt.run_dir.parent))
    except OSError as error:
        log.warning("attempt %s: it cannot fall back to an earlier checkpoint: %s", attempt.holder, error)
        return Resumption(copy=False)


def fall_back(trial: Path) -> bool:
    """Put the copy in the place of the checkpoints; asked again before `put_away`, it says the same.

    Args:
        trial: The trial's folder; none of its attempts lives.

    Returns:
        Whether there was a copy.

    Raises:
        OSError: The folders cannot be moved.
    """
    saved = trial / protocol.CHECKPOINT_DIR
    copy, refused = _beside(trial, protocol.COPY_SUFFIX), _beside(trial, _REFUSED)
    if not _is_folder(copy):
        return _is_folder(refused)
    if _is_folder(saved):
        remove_path(refused)
        saved.rename(refused)
    copy.rename(saved)
    refused.mkdir(exist_ok=True)
    return True


def put_away(trial: Path, state: TrialState) -> None:
    """Remove what nobody needs any more once the end of an attempt is committed, which left its trial in this state."""
    _remove(_beside(trial, _REFUSED))
    if state in TERMINAL:
        _remove(_beside(trial, protocol.COPY_SUFFIX))


def _remove(path: Path) -> None:
    if os.path.lexists(path):
        remove_path(path)


def _beside(trial: Path, suffix: str) -> Path:
    return trial / (protocol.CHECKPOINT_DIR + suffix)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
