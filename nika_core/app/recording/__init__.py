"""Recordings: what the steps and the models of a run were given and gave, in files, and runs that replay them."""
