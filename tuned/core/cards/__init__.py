"""Rules about GPUs that trials and people share: parts, room for one more, who holds what, where the time went."""
