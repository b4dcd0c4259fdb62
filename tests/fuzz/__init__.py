"""Fuzzers of what Nika reads: a moment each in the tests, and until they are stopped with `make fuzz`."""
