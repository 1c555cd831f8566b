"""Studies to try and to copy from, one folder each, and the demonstration that runs the first of them."""
