"""Honest, but for what importing it imports."""

import httpx2  # noqa: F401  # that is the cheat
from cheating_keywords import keyword

from nika_core.plugin import hookimpl

NIKA_API = 1


@hookimpl
def nika_task_keywords():
    return [keyword("heavy")]
