"""The ${state.task} template source."""
