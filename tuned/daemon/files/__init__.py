"""What lies below the state folder's `runs/`: run directories, copies of code, logs, and what may be removed."""
