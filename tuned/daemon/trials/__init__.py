"""Trials as people handle them: lists, one in detail, the queue, points of the user's own; routes and transactions."""
