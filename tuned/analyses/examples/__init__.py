"""What single examples say: stored predictions, ensembles of them, duplicates, the size of the data."""
