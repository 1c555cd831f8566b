"""Imported ahead by `gpu_check`: it opens a CUDA context, so that no process may be forked from where it was imported.

On the stand-in a thread stands for that: a fork is refused for it all the same.
"""

import os
import threading

if os.environ.get("STANDIN_GPUS"):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
else:
    import torch

    torch.zeros(1, device="cuda")
