"""The steps from a search to a final model, as the daemon takes them; `tuned/core/playbook/` has their moves."""
