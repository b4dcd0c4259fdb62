from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestTask(TemplateSourceConformance):
    word = "task"
    samples = {"fetch": {"items": [1, True, None]}}
