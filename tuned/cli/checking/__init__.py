"""The findings of `tunectl check`: in a study file before anything runs, and in a trial run of it."""
