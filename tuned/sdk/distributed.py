"""The little that is to be known of torch.distributed, without importing it.

Owns the rank. When the script has not imported torch.distributed, nothing here does.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional


def _initialised() -> Optional[Any]:
    """`torch.distributed` when a process group stands, else None."""
    module = sys.modules.get("torch.distributed")
    if module is None or not module.is_available() or not module.is_initialized():
        return None
    return module


def is_first() -> bool:
    """Whether this process speaks for the trial: rank 0, or not distributed at all."""
    distributed = _initialised()
    if distributed is not None:
        return bool(distributed.get_rank() == 0)
    return os.environ.get("RANK", "0") in ("", "0")


def agree(decision: bool) -> bool:
    """Rank 0's decision, on every rank; the decision itself when not distributed. Every rank must call it."""
    distributed = _initialised()
    if distributed is None:
        return decision
    torch = sys.modules["torch"]
    device = "cuda" if "nccl" in distributed.get_backend() else "cpu"
    flag = torch.tensor([int(decision)], device=device)
    distributed.broadcast(flag, src=0)
    return bool(flag.item())
