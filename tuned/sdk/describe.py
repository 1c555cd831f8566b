"""How large and how fast a torch model is.

Owns the measuring. It leaves the model as it was: mode, gradients, buffers and random numbers.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Dict, List, Mapping

_LEAST_RUNS, _MOST_RUNS, _LONGEST_S = 3, 50, 0.3


def described(model: Any, example: Any) -> Dict[str, Any]:
    """Size and, with an example, latency.

    Args:
        model: A `torch.nn.Module`.
        example: Its input: a tensor, a tuple of arguments, or a dict of keywords; None: not called.

    Returns:
        `parameters` (those that are trained), `model_bytes` (all parameters and buffers), `model_layers` (trained
        weights of two axes and more), and `latency_ms`: the median of several calls without gradients, in evaluation
        mode, on the device and with the batch of the example.

    Raises:
        ValueError: It is no torch model.
    """
    if not hasattr(model, "named_parameters"):
        raise ValueError("describe(%s): pass a torch.nn.Module" % type(model).__name__)
    latency = {} if example is None else {"latency_ms": 1e3 * _latency(model, example)}
    trained = [p for p in model.parameters() if p.requires_grad]  # after the call: lazy layers have their shapes now
    stored = [*model.parameters(), *model.buffers()]
    return {
        "parameters": sum(p.numel() for p in trained),
        "model_bytes": sum(t.numel() * t.element_size() for t in stored),
        "model_layers": sum(1 for p in trained if p.ndim > 1),
        **latency,
    }


def _latency(model: Any, example: Any) -> float:
    """Seconds a call."""
    torch = sys.modules["torch"]
    cuda = torch.cuda if torch.cuda.is_available() and torch.cuda.is_initialized() else None
    modes = [(module, module.training) for module in model.modules()]
    state = torch.get_rng_state()
    on_gpu = cuda.get_rng_state() if cuda else None
    durations: List[float] = []
    try:
        model.eval()
        with torch.no_grad():
            _call(model, example)  # the first one allocates
            end = time.perf_counter() + _LONGEST_S
            while len(durations) < _LEAST_RUNS or (len(durations) < _MOST_RUNS and time.perf_counter() < end):
                if cuda:
                    cuda.synchronize()
                start = time.perf_counter()
                _call(model, example)
                if cuda:
                    cuda.synchronize()
                durations.append(time.perf_counter() - start)
    finally:
        for module, training in modes:
            module.training = training
        torch.set_rng_state(state)
        if cuda:
            cuda.set_rng_state(on_gpu)
    durations.sort()
    return (durations[(len(durations) - 1) // 2] + durations[len(durations) // 2]) / 2


def _call(model: Any, example: Any) -> None:
    if isinstance(example, Mapping):
        model(**example)
    elif isinstance(example, tuple):
        model(*example)
    else:
        model(example)
