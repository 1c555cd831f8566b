"""A user's own module that happens to be called as we are."""

WHOSE = "the user's"
