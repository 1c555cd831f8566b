"""What the database lacks and the run directories hold: found, and taken in."""
