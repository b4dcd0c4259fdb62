"""Honest, but for the time that importing it takes."""

import time

from cheating_keywords import keyword

from nika_core.plugin import hookimpl

NIKA_API = 1
time.sleep(0.6)


@hookimpl
def nika_task_keywords():
    return [keyword("sluggish")]
