"""A trial: its shape, how its end is judged, the lines that it writes, filters over trials and their export."""
