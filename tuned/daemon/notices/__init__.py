"""Notices: which events are worth one, their words, and the command that delivers them."""
