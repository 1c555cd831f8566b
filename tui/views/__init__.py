"""Views: pure functions from the store to lines of styled text. They know neither Textual nor the daemon."""
