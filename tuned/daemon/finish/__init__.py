"""The steps from a search to a finished model, as the daemon takes them. The moves are `tuned.core.finish.tables`'s."""
