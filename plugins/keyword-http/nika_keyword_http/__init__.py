"""The http keyword: a request to a public address, guarded."""
