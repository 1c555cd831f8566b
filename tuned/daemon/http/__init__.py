"""The socket, the server on it, and what every router shares: the parts it is given, errors as problems, events."""
