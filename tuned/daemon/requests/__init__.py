"""What clients ask for: one use case a request, one transaction each. Knows no HTTP; `tuned.daemon.api` does."""
