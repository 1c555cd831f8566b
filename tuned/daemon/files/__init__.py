"""The content of the state folder's `runs/`: run directories, copies of code, logs, and their removal."""
