"""The history of every run, in SQLite: written off the event loop, read to resume."""
