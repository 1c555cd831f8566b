"""What a Python script takes, read from its text without running it, and how each value is typed for it."""
