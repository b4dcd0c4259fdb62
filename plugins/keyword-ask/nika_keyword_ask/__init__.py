"""The ask keyword: ask a person, and go on with the answer."""
