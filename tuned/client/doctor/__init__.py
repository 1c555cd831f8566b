"""Looks for what will go wrong on this machine: each module one field, each function findings."""
