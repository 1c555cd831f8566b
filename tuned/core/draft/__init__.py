"""A first study file for a script, drafted from its text alone: its options, what it prints, and customary ranges."""
