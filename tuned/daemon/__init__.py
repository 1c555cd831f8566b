"""The daemon: owns the queue, the processes and the devices. Imports no torch, no Ax, no numpy."""
