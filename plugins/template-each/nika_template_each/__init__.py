"""The ${each.item} template source."""
