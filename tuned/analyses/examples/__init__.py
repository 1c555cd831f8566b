"""Analyses of single examples: stored predictions, ensembles of them, duplicates, the size of the data."""
