"""Which trial runs next, on which part of a GPU, and the ways of pausing one that runs."""
