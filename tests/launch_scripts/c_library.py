"""What the C library is asked to do at the end: handlers, and text in its own buffers."""

import ctypes
import sys

libc = ctypes.CDLL(None)
libc.strdup.restype = ctypes.c_void_p
at_exit = libc.__cxa_atexit
for text in (b"registered first", b"registered last"):
    # A copy that outlives the interpreter.
    at_exit(ctypes.cast(libc.puts, ctypes.c_void_p), ctypes.c_void_p(libc.strdup(text)), None)
libc.printf(b"in the buffer of C, ")


class Loud:
    def __del__(self, write=sys.stdout.write):
        write("destructor\n")


held = Loud()

if sys.argv[1:] == ["interpreter"]:
    # As MPI's bindings do: the interpreter calls it after all else. One that is seen, and that takes no argument.
    ctypes.pythonapi.Py_AtExit(ctypes.cast(libc.abort, ctypes.c_void_p))
