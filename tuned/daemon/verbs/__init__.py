"""The verbs on studies and trials: pause, resume, cancel and others; routes and transactions."""
