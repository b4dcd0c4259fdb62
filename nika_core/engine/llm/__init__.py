"""Calls to models: budget, breaker, rate limit, prices, batches, streams."""
