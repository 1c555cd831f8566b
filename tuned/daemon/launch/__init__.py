"""From a claimed trial to its first process: what is written into its folder, and which launcher forks it."""
