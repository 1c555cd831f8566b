"""Imports a module of its own that has a famous name."""

import json

print(json.WHOSE)
