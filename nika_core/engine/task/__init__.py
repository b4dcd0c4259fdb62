"""One attempt of one task: timeout, output, cancellation, and what its step is given."""
