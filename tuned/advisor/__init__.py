"""The advisor: a process that turns a study's history into its next point. It holds a cache and never the truth."""
