"""The final model: which points are confirmed, and how long it is trained."""
