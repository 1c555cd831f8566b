"""`tunectl`: the command line. One file a noun; knows the client and the wire, never the daemon."""
