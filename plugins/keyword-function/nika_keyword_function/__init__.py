"""The function keyword: a Python or Node function in a killable worker."""
