"""Cards, scripts and a study that tests of GPUs share."""

from __future__ import annotations

from typing import Any

CARDS: list[dict[str, Any]] = [
    {"uuid": "GPU-a", "memory_used": 2**28, "utilisation": 40},
    {"uuid": "GPU-b"},
]
SCRIPT = """
    import os, pathlib, time, tuned
    trial = tuned.current_trial()
    trial.report(loss=trial.params["x"])
    print("sees", os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_DEVICE_ORDER"], flush=True)
    print("cores", len(os.sched_getaffinity(0)), flush=True)
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""
STUDY = {
    "name": "gpus",
    "run": {"script": "train.py"},
    "objective": {"metric": "loss", "direction": "minimize"},
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "search": {"method": "sobol", "trials": 3},
}
SAVING = """
    import os, pathlib, time, tuned
    trial = tuned.current_trial()
    saved = pathlib.Path(trial.checkpoint_dir, "saved")
    trial.report(loss=trial.params["x"])
    while not pathlib.Path("go").exists():
        if trial.should_stop():
            saved.touch()
            raise SystemExit
        time.sleep(0.02)
    print("resumed" if saved.exists() else "fresh", "on", os.environ["CUDA_VISIBLE_DEVICES"])
"""
