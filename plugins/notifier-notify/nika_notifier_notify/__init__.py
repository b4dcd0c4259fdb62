"""The notifier notify: run a command, or post JSON to a URL, for each question that a run asks."""
