"""The steps from a search to a finished model, as the daemon takes them; `tuned/core/finish/` has their moves."""
