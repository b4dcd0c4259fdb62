"""Honest, but for what importing it prints."""

from cheating_keywords import keyword

from nika_core.plugin import hookimpl

NIKA_API = 1
print("Welcome to loud!")


@hookimpl
def nika_task_keywords():
    return [keyword("loud")]
