"""GPUs at work: what is used, who may join, when they are left to others."""
