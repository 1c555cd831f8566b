"""Trials in places: the configured ones, what their engines say, and what engines are asked."""
