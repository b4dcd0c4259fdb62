from __future__ import annotations

from nika_core.testing import TemplateSourceConformance


class TestLast(TemplateSourceConformance):
    word = "last"
    samples = {"output": {"a": [1]}, "output.a.0": 1, "round": 2}
    missing = "output.b"
    bindings = {"round": {"output": {"a": [1]}, "round": 2}}
