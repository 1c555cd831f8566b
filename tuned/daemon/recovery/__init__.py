"""Studies, trials and attempts that the run directories hold and the database lacks: found, and taken in."""
