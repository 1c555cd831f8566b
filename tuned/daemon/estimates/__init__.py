"""How long trials and studies take, and when waiting trials start: estimates, never promises."""
