"""Seeds the generators of a warm trial from the trial's own seed.

Without it every trial forked from one launcher would begin with the same random state. A generator that is not loaded
yet is seeded when its module is imported, so that what a launcher preloads does not change a trial's numbers. A file
of the user's with such a name (`random.py` beside the script) is left alone.
"""

from __future__ import annotations

import os
import sys
from typing import Callable, Dict

from tuned.launch.import_hook import ImportHook


def seed_generators(seed: int, hook: ImportHook) -> None:
    """Seed `random`, numpy's global generator and torch now, or as soon as they are imported.

    Args:
        seed: Any integer; numpy takes its low 32 bits, torch its low 63.
        hook: Where later imports are watched.
    """
    for name, apply in _GENERATORS.items():
        if name in sys.modules:
            apply(seed)
        else:
            hook.after(name, lambda _seconds, apply=apply: apply(seed))  # type: ignore[misc]


def _seed_random(seed: int) -> None:
    module = sys.modules["random"]
    if os.path.dirname(getattr(module, "__file__", None) or "") == os.path.dirname(os.__file__):
        module.seed(seed)


def _seed_numpy(seed: int) -> None:
    if hasattr(sys.modules["numpy.random"], "RandomState"):
        sys.modules["numpy.random"].seed(seed & 0xFFFFFFFF)


def _seed_torch(seed: int) -> None:
    torch = sys.modules["torch"]
    if not hasattr(torch, "default_generator"):
        return
    seed &= 0x7FFFFFFFFFFFFFFF
    if torch.version.cuda is None and torch.version.hip is None:
        # The effect of manual_seed without accelerators, at a hundredth of its cost.
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


_GENERATORS: Dict[str, Callable[[int], None]] = {
    "random": _seed_random,
    "numpy.random": _seed_numpy,
    "torch": _seed_torch,
}
