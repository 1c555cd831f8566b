"""Hides the standard library's module of this name, as a fresh interpreter would find it first."""

WHOSE = "the user's"
