"""Refuses names that would create a project that cannot be installed. `nika plugins new` has the same rules."""

import re
import sys

RULES = {
    "word": (
        "{{cookiecutter.word}}",
        r"[a-z][A-Za-z0-9]*(-[A-Za-z0-9]+)*",
        30,
        "letters, digits and single dashes, with a lower-case letter first",
    ),
    "project_slug": (
        "{{cookiecutter.project_slug}}",
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        50,
        "lower-case letters, digits and single dashes",
    ),
    "author": (
        """{{cookiecutter.author}}""",
        r"[^\"\\\x00-\x1f\x7f]+",
        60,
        "no quotation marks, backslashes or control characters",
    ),
}

for name, (value, pattern, most, form) in RULES.items():
    if len(value) > most or not re.fullmatch(pattern, value):
        sys.exit(f"{name} is {value!r}: expected {form}, at most {most} characters")
