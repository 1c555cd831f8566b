"""The way from a search to a finished model: its steps, their moves, and what each one runs. Pure."""
