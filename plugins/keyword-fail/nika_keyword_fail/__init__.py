"""The fail keyword: fail a task with a message."""
