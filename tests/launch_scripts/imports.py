"""Imports from beside the script, relative files, and its own source."""

import importlib.util
import inspect
import pathlib
import sys

import sibling


def shown():
    return 42


print(sibling.HERE, importlib.util.find_spec("sibling").origin, sibling.__spec__.loader.__class__.__name__)
print(inspect.getsource(shown))
pathlib.Path("made").mkdir()
pathlib.Path("made/here.txt").write_text("relative\n")
print(sorted(p.name for p in pathlib.Path().iterdir()))
print(importlib.util.find_spec("torch") is not None, sys.path[0])
try:
    import launcher
except ImportError as error:
    print(error)
