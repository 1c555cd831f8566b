"""Asks a question that nobody answers."""

import sys

print(sys.stdin.isatty(), repr(sys.stdin.read()))
input("name? ")
