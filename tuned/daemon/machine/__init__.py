"""This machine's resources: GPUs and CPU slots, memory, ports; and their holders."""
