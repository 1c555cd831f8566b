"""Imports its own tuned."""

import tuned

print(tuned.WHOSE)
