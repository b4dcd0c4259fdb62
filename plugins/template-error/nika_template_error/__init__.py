"""The ${error.task.message} template source."""
