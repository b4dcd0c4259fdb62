"""Cases of test files: run, replayed, and compared with what they expect."""
