"""Screens: which widgets are shown where, and what each key does there."""
