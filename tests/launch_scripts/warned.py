"""Warnings, shown and counted."""

import warnings


def old():
    warnings.warn("use the new one", DeprecationWarning, stacklevel=2)


for _ in range(2):
    old()
    warnings.warn("a user warning")
warnings.simplefilter("error")
old()
