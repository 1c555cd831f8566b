"""The read-only web page: a small server on the loopback interface over the daemon's socket. Standard library only."""
