"""Standard output that cannot be flushed at the end, which the interpreter tells by its exit status."""

import sys


class Broken:
    closed = False
    encoding = "utf-8"

    def write(self, text):
        return len(text)

    def flush(self):
        raise OSError("no such place")


sys.stdout = Broken()
print("never seen")
if sys.argv[1:] == ["exit"]:
    sys.exit(3)
