"""`nika runs watch`: follows runs in the terminal."""
