"""How a search goes: which points it tries, in which phases, and when a trial is given up. Pure."""
