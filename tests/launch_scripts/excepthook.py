"""Its own excepthook, told about an uncaught exception."""

import sys
import traceback


def hook(kind, value, trace):
    print("hook:", kind.__name__, value, [f.name for f in traceback.extract_tb(trace)], sys.exc_info())
    print(sys.last_type is kind, sys.last_value is value, sys.last_traceback is trace)
    if value.args == ("twice",):
        raise LookupError("the hook fails too")


sys.excepthook = hook
raise ValueError(sys.argv[1])
