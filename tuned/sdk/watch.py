"""Norms of a torch model's gradients, sampled so rarely that training does not notice.

Owns the sampling and what is kept of it. A sample is taken just before an optimiser's step: it sees gradients as they
are used, unscaled under mixed precision, and clipped where the script clips them. It never raises into training.
"""

from __future__ import annotations

import math
import sys
import time
import weakref
from typing import Any, Dict, List, Optional, Tuple

_MOST_LAYERS = 48
_KEEP = 512
_SHARE = 0.01
_FIRST = 16
_LONGEST = 4096


class Watch:
    """Samples the gradients of one model.

    The first 16 steps are sampled. Then the distance between samples doubles as long as sampling has taken more than a
    hundredth of the time, and halves where it takes much less.

    Args:
        model: A `torch.nn.Module`.
        every: Steps between samples; None: as above.

    Attributes:
        steps: Optimiser steps that were seen.
        seconds: The cost of sampling. On a GPU this includes waiting for the backward pass, so it is an upper bound.

    Raises:
        ValueError: It is no torch model.
    """

    def __init__(self, model: Any, every: Optional[int] = None) -> None:
        if not hasattr(model, "named_parameters"):
            raise ValueError("watch(%s): pass a torch.nn.Module" % type(model).__name__)
        self.steps = 0
        self.seconds = 0.0
        self._fixed = every
        self._every = every or 1
        self._left = 1
        self._began: Optional[float] = None
        self._parameters = dict(model.named_parameters())
        self._layers = _spread(_weights(model))
        self._shapes: Dict[str, Tuple[int, ...]] = {}
        self._activations = _activations(model)
        # A model that is gone is watched no more, and nothing of it is kept alive for that.
        self._model = weakref.ref(model, lambda _: self.remove())
        self._mine: Any = weakref.WeakKeyDictionary()  # optimiser -> whether it steps this model
        self._fresh: List[float] = []
        self._samples: List[Tuple[int, float, List[float]]] = []
        self._stride = 1
        self._taken = 0
        self._bad = 0
        self._handle: Any = None
        self._hook()

    def remove(self) -> None:
        """Sample no more."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self._parameters = {}

    def take(self) -> Dict[str, float]:
        """The samples since the last call: `grad_norm`, the median, and `grad_norm_max`; empty without samples."""
        fresh, self._fresh = sorted(self._fresh, key=_order), []
        return {"grad_norm": fresh[len(fresh) // 2], "grad_norm_max": fresh[-1]} if fresh else {}

    def record(self) -> Optional[Dict[str, Any]]:
        """All that was seen, as `gradients.json` holds it; None before the first sample."""
        if not self._taken:
            return None
        norms = sorted(norm for _, norm, _ in self._samples if math.isfinite(norm))
        early = self._samples[: max(1, len(self._samples) // 4)]
        return {
            "steps": self.steps,
            "samples": self._taken,
            "nonfinite": self._bad,
            "seconds": round(self.seconds, 6),
            "elapsed": round(time.perf_counter() - (self._began or 0.0), 6),
            "every": self._every,
            "activations": self._activations,
            "norm": {name: _quantile(norms, q) for name, q in _QUANTILES} if norms else {},
            "layers": [
                {
                    "name": name[:-7] if name.endswith(".weight") else name,
                    "shape": list(self._shapes[name]),
                    "rms": _median([rms[i] for _, _, rms in self._samples]),
                    "rms_early": _median([rms[i] for _, _, rms in early]),
                }
                for i, name in enumerate(self._layers)
            ],
        }

    def _hook(self) -> None:
        register = getattr(sys.modules.get("torch.optim.optimizer"), "register_optimizer_step_pre_hook", None)
        if register is None:
            sys.stderr.write("tuned: watch() needs torch 2.0 or newer; gradients are not sampled\n")
            return
        self._handle = register(self._before_step)

    def _before_step(self, optimizer: Any, *_: Any) -> None:
        if not self._is_mine(optimizer):
            return
        self.steps += 1
        self._left -= 1
        if self._left > 0:
            return
        start = time.perf_counter()
        if self._began is None:
            self._began = start
        try:
            self._sample(optimizer)
        except Exception as error:  # noqa: BLE001 - training goes on without it
            sys.stderr.write("tuned: watch() stopped sampling gradients: %s\n" % error)
            self.remove()
            return
        now = time.perf_counter()
        self.seconds += now - start
        if self._fixed is None:
            self._pace(now - self._began)
        self._left = self._every

    def _is_mine(self, optimizer: Any) -> bool:
        known = self._mine.get(optimizer)
        if known is None:
            mine = {id(p) for p in self._parameters.values()}
            known = any(id(p) in mine for group in optimizer.param_groups for p in group["params"])
            self._mine[optimizer] = known
        return bool(known)

    def _pace(self, elapsed: float) -> None:
        if self._taken >= _FIRST and self.seconds > _SHARE * elapsed:
            self._every = min(_LONGEST, self._every * 2)
        elif self._every > 1 and self.seconds < _SHARE / 4 * elapsed:
            self._every //= 2

    def _sample(self, optimizer: Any) -> None:
        torch = sys.modules["torch"]
        found = {name: p.grad for name, p in self._parameters.items() if p.grad is not None and not p.grad.is_sparse}
        if not found:
            return
        if any(hasattr(grad, "full_tensor") for grad in found.values()):
            raise RuntimeError("sharded gradients need every rank to take part")
        norms = torch._foreach_norm(list(found.values())) if hasattr(torch, "_foreach_norm") else []
        norms = norms or [grad.norm() for grad in found.values()]
        home = norms[0].device
        values = torch.stack([norm.to(home, torch.float32) for norm in norms]).tolist()
        scale = getattr(optimizer, "grad_scale", None)  # fused optimisers undo the loss's scale inside of their step
        factor = 1.0 if scale is None else 1.0 / float(scale)
        by_name = {name: value * factor for name, value in zip(found, values)}  # noqa: B905 - Python 3.9
        total = math.sqrt(sum(value * value for value in by_name.values()))
        if not self._shapes:
            self._shapes = {name: tuple(self._parameters[name].shape) for name in self._layers}
        rms = [by_name.get(name, 0.0) / math.sqrt(math.prod(self._shapes[name])) for name in self._layers]
        self._keep(total, rms)

    def _keep(self, total: float, rms: List[float]) -> None:
        self._fresh.append(total)
        self._bad += not math.isfinite(total)
        if self._taken % self._stride == 0:
            self._samples.append((self.steps, total, rms))
            if len(self._samples) > _KEEP:
                del self._samples[1::2]
                self._stride *= 2
        self._taken += 1


_QUANTILES = (("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


def _quantile(ordered: List[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _median(values: List[float]) -> Optional[float]:
    finite = sorted(value for value in values if math.isfinite(value))
    return _quantile(finite, 0.5) if finite else None


def _order(norm: float) -> float:
    return math.inf if math.isnan(norm) else norm


def _weights(model: Any) -> List[str]:
    """Names of the layers' weights, as they are defined. Embeddings are none: most of their rows have no gradient."""
    looked_up = {
        id(p) for module in model.modules() if "Embedding" in type(module).__name__ for p in module.parameters()
    }
    found = [name for name, p in model.named_parameters() if p.requires_grad and p.ndim > 1 and id(p) not in looked_up]
    named = [name for name in found if "weight" in name.rpartition(".")[2]]
    return named if len(named) > 1 else found


def _spread(names: List[str]) -> List[str]:
    """All of them, or so many that are spread evenly, the first and the last among them."""
    if len(names) <= _MOST_LAYERS:
        return names
    last = len(names) - 1
    return [names[round(i * last / (_MOST_LAYERS - 1))] for i in range(_MOST_LAYERS)]


def _activations(model: Any) -> List[str]:
    """Names of the activation layers, the most frequent first; those called as functions are not seen."""
    counts: Dict[str, int] = {}
    for module in model.modules():
        kind = type(module)
        if kind.__module__ == "torch.nn.modules.activation" and kind.__name__ != "MultiheadAttention":
            counts[kind.__name__] = counts.get(kind.__name__, 0) + 1
    return sorted(counts, key=lambda name: -counts[name])
