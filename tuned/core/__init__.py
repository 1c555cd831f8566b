"""The rules of tuning: states, search spaces, study specifications, trials, events. No I/O, no clock."""
