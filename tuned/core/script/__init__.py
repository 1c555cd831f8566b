"""The options of a Python script, read from its text without running it, and how each value is typed for it."""
