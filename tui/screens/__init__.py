"""Screens: the panes of each, their places, and the meaning of each key."""
