"""What the results say of the search space: its bounds, its failures, and whether it was searched enough."""
