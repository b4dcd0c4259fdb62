"""A budget per day for a team and for each user, across runs and processes."""
