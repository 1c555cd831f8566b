"""What an expert says about a study: pure functions over arrays, run in a process of their own."""
