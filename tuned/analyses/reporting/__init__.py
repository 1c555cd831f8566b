"""The report: what is told, its pictures, and the page."""
