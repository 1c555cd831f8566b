"""Tools for programs that run experiments: the daemon's calls with bounded answers, and a server for them."""
