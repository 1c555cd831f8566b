"""Widgets: the thin Textual side of the views. They hold cursors and scroll offsets, never data."""
