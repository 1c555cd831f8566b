"""The steps from a search to a finished model, as the daemon takes them; `tuned/core/playbook/` has their moves."""
