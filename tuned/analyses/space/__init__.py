"""Verdicts on the search space by the results: its bounds, its failures, and whether it was searched enough."""
