"""Exit handlers, threads, finalizers and destructors, in the order of the interpreter's shutdown."""

import atexit
import logging
import logging.handlers
import threading
import time
import weakref


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("gone:", self.name, flush=True)


def late():
    time.sleep(0.05)
    print("thread done")


held = Loud("global")
_private = Loud("private global")
cycle = Loud("cycle")
cycle.myself = cycle
weakref.finalize(held, print, "finalizer of held")
atexit.register(print, "first registered")
atexit.register(print, "last registered")
handler = logging.handlers.MemoryHandler(100, target=logging.FileHandler("memory.log"))
logging.getLogger().addHandler(handler)
logging.getLogger().warning("kept in memory")
threading.Thread(target=late).start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("end of script")
