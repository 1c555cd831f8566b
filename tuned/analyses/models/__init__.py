"""Models of results over a space: what raw means cannot say."""
