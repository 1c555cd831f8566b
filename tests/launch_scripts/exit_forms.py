"""Leaves in the way that its argument names."""

import sys

form = sys.argv[1]
print("leaving by", form)
if form == "code":
    sys.exit(3)
elif form == "big":
    sys.exit(259)
elif form == "negative":
    sys.exit(-1)
elif form == "huge":
    sys.exit(1 << 70)
elif form == "wide":
    sys.exit((1 << 40) + 6)
elif form == "subclass":

    class Own(SystemExit):
        """With a code that it works out when asked."""

        @property
        def code(self):
            return 12

    raise Own
elif form == "in-excepthook":

    def leave(*_exception):
        sys.exit(11)

    sys.excepthook = leave
    raise ValueError("seen by the hook")
elif form == "in-atexit":
    import atexit

    atexit.register(sys.exit, 13)
elif form == "text":
    sys.exit("what went wrong")
elif form == "nothing":
    sys.exit()
elif form == "true":
    sys.exit(True)
elif form == "tuple":
    sys.exit((1, "two"))
elif form == "raise":
    raise SystemExit(5)
elif form == "builtin":
    exit(6)
elif form == "interrupt":
    raise KeyboardInterrupt
elif form == "interrupt-signal":
    import os
    import signal

    os.kill(os.getpid(), signal.SIGINT)
    print("not reached")
elif form == "terminate":
    import os
    import signal

    os.kill(os.getpid(), signal.SIGTERM)
elif form == "abort":
    import os

    os.abort()
elif form == "at-once":
    import os

    print("said", end="")
    os._exit(9)
elif form == "in-finally":
    try:
        raise ValueError("first")
    finally:
        sys.exit(7)
elif form == "in-thread":
    import threading

    threading.Thread(target=sys.exit, args=(8,)).start()
elif form == "base":

    class Odd(BaseException):
        """Not an Exception."""

    raise Odd("odd")
