"""The terminal UI: a client of the daemon like any other. It owns no truth, and its end stops no work."""
