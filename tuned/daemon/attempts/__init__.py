"""Live attempts: noticing what they write and how they end, from adoption to the last row. Starts none."""
