"""What programs that run experiments are given: tools over the daemon's calls, each answer bounded, and a server."""
