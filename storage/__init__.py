"""The database: the only truth about studies and trials.

Owns everything SQLite. Only core dataclasses and plain data leave the package; it never calls up into the daemon.
"""
