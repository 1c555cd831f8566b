"""Changes of a submitted study: its settings, their values, and edits of its search space. Pure."""
