"""What this machine has to give: GPUs and CPU slots, memory, ports; and who holds them."""
