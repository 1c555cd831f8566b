"""Learning curves of real trainings, kept in tables, and searches that replay them."""
