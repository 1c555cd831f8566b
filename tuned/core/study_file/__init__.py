"""Study files: from plain data to a checked `StudySpec`, or one line that says what is wrong."""
