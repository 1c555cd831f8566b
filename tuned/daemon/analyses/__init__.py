"""Analyses on request: the data out of the database, the answer out of a process of its own."""
