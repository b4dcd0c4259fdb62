from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestInput(TemplateSourceConformance):
    word = "input"
    samples = {"city": "Paris"}
    inputs = {"city": "Paris"}
