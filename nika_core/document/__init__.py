"""From the text of a file to checked values, every problem with its line and column."""
