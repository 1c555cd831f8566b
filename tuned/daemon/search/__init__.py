"""The next points: made here, or asked of the advisor ahead of need. Starts no trial."""
