"""Destructors of what the user hid in modules that the interpreter clears last."""

import builtins
import os
import sys


class Loud:
    def __init__(self, name):
        self.line = b"gone: " + name + b"\n"
        self.write = os.write

    def __del__(self):
        self.write(1, self.line)


sys.held = Loud(b"in sys")
sys._held = Loud(b"in sys, private")
builtins.held = Loud(b"in builtins")
builtins._held = Loud(b"in builtins, private")
sys.stdout = open("redirected.txt", "w")
print("into a file that nobody closes")
sys.exit(4)
