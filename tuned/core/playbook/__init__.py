"""The way from a search to a final model: its steps, their moves, and what each one runs. Pure."""
