"""Training curves, of one trial and of a study."""
